import type { ServerHost } from "./Host.ts"

/**
 * Removes what podman loses when a server reboots: mounts of containers, network devices and rules, and files in /run and
 * /dev/shm. Then runs the command of podman-restart.service, which fails if it cannot start one of the containers.
 */
const script = `
cut -d' ' -f2 /proc/mounts | grep -E '/containers/storage/.*/(merged|shm)$|^/run/netns/netns-' | xargs -r umount -l
rm -rf /run/containers /run/libpod /run/netavark /run/crun /run/runc /run/netns/netns-* /dev/shm/*
rm -rf /var/lib/cni/networks # podman's tmpfiles.d/podman.conf
for bridge in cni-podman0 podman0; do ip link delete "$bridge" 2>/dev/null; done
for table in nat filter; do iptables -t "$table" -F; iptables -t "$table" -X; done
LOGGING=--log-level=info
eval "$(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/podman-restart.service)"
`

export const bootPodman = (h1: ServerHost) => h1.try(["sh", "-c", script])
