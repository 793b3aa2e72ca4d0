#!/usr/bin/env bash
# Real servers on one machine: each has its own network, mount and process namespace, sshd and engine.
#
#   hosts.sh guard NAME:ROLE:ENGINE:IP...     ROLE operator or server, ENGINE docker, podman (the machine's), podman5 or none
#
# Prints `folder DIR`, then `ready NAME PID` or `failed NAME` for each host. Runs until its stdin ends, which also happens
# when the program that started it is killed. Then every process ends with its namespace, and DIR is removed.
# The bridge is in a namespace too, so nothing is added to the machine's own network. Runs can use the same addresses at
# the same time. There is no default route, so nothing that a test sends can leave the machine.
set -euo pipefail
self=$(readlink -f "$0")

guard() {
  local parent=${TMPDIR:-/tmp} dir
  trap '' INT TERM HUP # only the end of stdin ends it
  exec 3>&1 8<"$parent"
  flock 8 # only one run at a time takes its own lock and checks the others
  dir=$(mktemp --directory "$parent/jiji-hosts-XXXXXX")
  exec 9>"$dir/lock" # inherited by all processes of this run: if the lock is free, the run is dead
  flock --nonblock 9
  sweep "$parent"
  exec 8<&-
  ssh-keygen -q -t ed25519 -N '' -C test -f "$dir/id_ed25519"
  echo "folder $dir"
  unshare --mount --net --pid --fork --kill-child --propagation private "$self" network "$dir" "$@" || true
  exec 9>&-
  remove "$dir"
}

# Removes what is left of runs whose guard was killed.
sweep() {
  local lock
  for lock in "$1"/jiji-hosts-*/lock; do
    if [[ -e $lock ]] && flock --nonblock "$lock" true; then remove "${lock%/lock}"; fi
  done
}

# Removes what a run leaves on the machine when its processes are gone: its folder and the cgroups of its containers.
remove() {
  local dir=$1 id cgroup
  for id in "$dir"/*/docker/containers/* "$dir"/*/containers/storage/overlay-containers/*; do
    id=${id##*/}
    [[ $id =~ ^[0-9a-f]{64}$ ]] || continue
    for cgroup in /sys/fs/cgroup{,/*}/libpod_parent/libpod-{conmon-,}"$id"; do
      if [[ -d $cgroup ]]; then find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true; fi
    done
  done
  for cgroup in /sys/fs/cgroup{,/*}/"${dir##*/}"; do
    if [[ -d $cgroup ]]; then find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true; fi
  done
  rmdir /sys/fs/cgroup{,/*}/libpod_parent{/conmon,} 2>/dev/null || true # fails while another podman uses it
  rm -rf --one-file-system "$dir"
}

network() {
  local dir=$1 spec name role engine ip number=0
  shift
  mount -t tmpfs tmpfs /run # a private place for the names of namespaces
  ip link set lo up
  ip link add hosts type bridge
  ip address add 10.99.0.1/24 dev hosts
  ip link set hosts up
  for spec in "$@"; do
    IFS=: read -r name role engine ip <<<"$spec"
    number=$((number + 1))
    ip netns add "$name"
    ip link add "v$number" type veth peer name eth0 netns "$name"
    ip link set "v$number" master hosts up
    ip -n "$name" address add "$ip/24" dev eth0
    ip -n "$name" link set eth0 up
    ip -n "$name" link set lo up
    mkdir -p "$dir/$name"
    {
      nsenter --net="/run/netns/$name" unshare --mount --pid --fork --kill-child --propagation private \
        "$self" host "$dir" "$name" "$role" "$engine" </dev/null >"$dir/$name/start.log" 2>&1 || echo "failed $name" >&3
    } &
  done
  cat >/dev/null # process 1 of this namespace: when it exits, all others are killed
}

over() { mkdir -p "$1" "$2" && mount --bind "$1" "$2"; }

host() {
  local here=$1/$2 name=$2 role=$3 engine=$4 pid program conf='' run=${1##*/}
  read -r pid _ </proc/self/stat # the id on the machine: /proc is still the machine's
  mount -t proc proc /proc
  # An overlay cannot be stacked on an overlay. If the machine is itself a container, keep the engine's data in memory.
  if [[ $(stat --file-system --format %T "$here") == overlay* ]]; then mount -t tmpfs tmpfs "$here"; fi
  over "$here/run" /run
  mkdir -p /run/docker /run/sshd
  over "$here/etc-docker" /etc/docker # certificates of registries, for both engines
  if [[ $engine == podman5 ]]; then
    # The programs and libraries that bin/setup has unpacked cover those of the machine.
    mount -t overlay overlay -o "lowerdir=${self%/test/e2e/*}/.tools/podman5/usr:/usr" /usr
    engine=podman
    conf=$'runtime = "runc"\n[network]\nfirewall_driver = "iptables"'
  fi

  case $engine in
    docker)
      over "$here/docker" /var/lib/docker
      TMPDIR=/run/docker /usr/sbin/dockerd --host unix:///run/docker.sock --cgroup-parent "/$run/$name" \
        --exec-opt native.cgroupdriver=cgroupfs >"$here/engine.log" 2>&1 &
      until grep -q 'API listen on /run/docker.sock' "$here/engine.log"; do
        kill -0 $! || { tail -n 20 "$here/engine.log"; return 1; }
        sleep 0.05
      done
      ;;
    podman)
      mount -t tmpfs tmpfs /dev/shm # podman keeps the locks of all its containers there
      over "$here/containers" /var/lib/containers
      over "$here/cni" /var/lib/cni
      cp -r /etc/containers "$here/etc"
      cat >"$here/etc/containers.conf" <<'CONF'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
      echo "$conf" >>"$here/etc/containers.conf"
      over "$here/etc" /etc/containers
      podman info >"$here/engine.log" 2>&1 || { cat "$here/engine.log"; return 1; }
      ;;
  esac

  if [[ $role == server ]]; then
    # The machine has both engines, a server only its own.
    for program in $(type -ap docker podman); do
      if [[ ${program##*/} != "$engine" ]]; then mount --bind /dev/null "$program"; fi
    done
    # sshd rejects accounts with a locked password, as root has on some machines. `deploy` is in no group.
    sed 's/^root:[^:]*/root:*/; $a deploy:*:20000:0:99999:7:::' /etc/shadow >"$here/shadow"
    sed '$a deploy:x:2000:2000::/run/deploy:/bin/sh' /etc/passwd >"$here/passwd"
    chmod 600 "$here/shadow"
    mount --bind "$here/shadow" /etc/shadow
    mount --bind "$here/passwd" /etc/passwd
    mkdir -p "$here/root/.ssh" /run/deploy/.ssh
    cp "$1/id_ed25519.pub" "$here/root/.ssh/authorized_keys"
    cp "$1/id_ed25519.pub" /run/deploy/.ssh/authorized_keys
    chmod 700 "$here/root" "$here/root/.ssh" /run/deploy /run/deploy/.ssh
    chown -R 2000:2000 /run/deploy
    ssh-keygen -q -t ed25519 -N '' -C "$name" -f /run/sshd/host_key
    cat >/run/sshd/config <<'CONF'
HostKey /run/sshd/host_key
PidFile /run/sshd.pid
UsePAM no
UseDNS no
PrintMotd no
MaxStartups 100
CONF
    # jiji uses docker's client where it cannot reach docker's API.
    if [[ ${JIJI_TEST_ENGINE_WAY:-} == client ]]; then echo 'AllowStreamLocalForwarding no' >>/run/sshd/config; fi
    over "$here/root" /root
    over "$here/var-tmp" /var/tmp # the locks and the audit of projects
    chmod 1777 /var/tmp
    over "$here/tmp" /tmp # last: DIR itself may be below /tmp
    chmod 1777 /tmp
    /usr/sbin/sshd -f /run/sshd/config
    # It listens a moment after it has gone into the background, and then writes this file.
    until [[ -s /run/sshd.pid ]]; do sleep 0.02; done
  fi

  echo "ready $name $pid" >&3
  exec 3>&-
  while :; do # process 1 of the host reaps orphans
    sleep infinity &
    wait $! || true
  done
}

command=$1
shift
"$command" "$@"
