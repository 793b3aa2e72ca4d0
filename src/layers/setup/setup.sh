# Makes a server ready for deploys: with mode=plan it only prints what it would do, with mode=apply it does it. Prints one fact
# per line, as `word value`. The output of other programs goes to stderr.
set -u
# Programs of root, which other users do not have in their path.
PATH=$PATH:/usr/sbin:/sbin
user=$(id -un)
name=$(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME:-${NAME:-}}")
family=''
for each in $(. /etc/os-release 2>/dev/null && echo "${ID:-} ${ID_LIKE:-}"); do
  case $each in
    debian | ubuntu) family=debian ;;
    # Others that are like Fedora have no docker among their packages.
    fedora) [ "$(. /etc/os-release && echo "$ID")" != fedora ] || family=fedora ;;
    alpine) family=alpine ;;
  esac
  [ -z "$family" ] || break
done
echo "distribution ${name:-unknown}"
echo "user $user"

# Like jiji, take the other engine if only that one is there.
for candidate in "$engine" docker podman; do
  if command -v "$candidate" >/dev/null 2>&1; then
    engine=$candidate installed=yes
    break
  fi
  installed=''
done
echo "engine $engine"
if [ -d /run/systemd/system ]; then manager=systemd
elif command -v rc-update >/dev/null 2>&1; then manager=openrc
else manager=''
fi

packages=''
case $family.$engine in
  debian.docker) packages=docker.io ;;
  debian.podman) packages='podman netavark aardvark-dns' ;;
  fedora.docker) packages=moby-engine ;;
  *.*) packages=$engine ;;
esac

# What is missing, item by item.
todo=''
daemon=/etc/docker/daemon.json
limits=/etc/containers/containers.conf.d/50-jiji.conf
wanted=$HOME/.config/systemd/user/default.target.wants/podman-restart.service
[ -n "$installed" ] || todo="$todo install"
if [ "$engine" = docker ]; then
  [ "$user" = root ] || id -nG "$user" | tr ' ' '\n' | grep -qx docker || todo="$todo group"
  grep -qE '"log-(driver|opts)"' "$daemon" 2>/dev/null || todo="$todo logs"
else
  grep -rqs log_size_max /etc/containers/containers.conf /etc/containers/containers.conf.d || todo="$todo logs"
fi
case $manager.$engine in
  systemd.docker) systemctl is-enabled --quiet docker 2>/dev/null && systemctl is-active --quiet docker || todo="$todo boot" ;;
  openrc.*) [ -e "/etc/runlevels/default/$engine" ] || [ -e "/etc/runlevels/boot/$engine" ] || todo="$todo boot" ;;
  systemd.podman)
    if [ "$user" = root ]; then systemctl is-enabled --quiet podman-restart 2>/dev/null || todo="$todo boot"
    else [ -e "/var/lib/systemd/linger/$user" ] && [ -L "$wanted" ] || todo="$todo boot"
    fi
    ;;
esac

for item in $todo; do
  case $item in
    install) echo "todo install $packages" ;;
    group) echo "todo group $user" ;;
    boot) echo "todo boot $engine" ;;
    logs) if [ "$engine" = docker ]; then echo "todo logs $daemon"; else echo "todo logs $limits"; fi ;;
  esac
done
[ -n "$todo" ] || [ -z "$installed" ] || exit 0

if [ -z "$family" ]; then echo "fault distribution" && exit 0; fi
if [ -z "$manager" ]; then echo "fault manager" && exit 0; fi
if [ "$(id -u)" = 0 ]; then root=env
elif sudo -n true 2>/dev/null; then root='sudo -n env'
elif doas -n true 2>/dev/null; then root='doas -n env'
else echo "fault root" && exit 0
fi
[ "$mode" = apply ] || exit 0

exec 3>&1 >&2
fail() { echo "failed $1" >&3 && exit 0; }
# Services that start must not keep jiji's connection open.
as_root() { $root "$@" 3>&-; }
# Waits for other package managers, which run on a server that has just started.
apt() { as_root DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -o DPkg::Lock::Timeout=300 --quiet "$@"; }
put() { as_root mkdir -p "${1%/*}" && as_root tee "$1" >/dev/null; }

rotation='"log-driver": "json-file", "log-opts": { "max-size": "10m", "max-file": "3" }'
for item in $todo; do
  [ "$item" != logs ] || {
    # Before the engine starts for the first time, so that it need not restart.
    if [ "$engine" = podman ]; then printf '[containers]\nlog_size_max = 10485760\n' | put "$limits" || fail logs
    elif [ -s "$daemon" ]; then
      text=$(cat "$daemon") && rest=${text#*\{}
      case $(printf %s "$rest" | tr -d ' \n\t') in '}'*) comma='' ;; *) comma=, ;; esac
      printf '{ %s%s%s\n' "$rotation" "$comma" "$rest" | put "$daemon" || fail logs
    else printf '{ %s }\n' "$rotation" | put "$daemon" || fail logs
    fi
    echo "done logs" >&3
    if [ "$engine" = docker ] && [ -n "$installed" ]; then echo "note restart" >&3; fi
  }
done
for item in $todo; do
  case $item in
    install)
      # Words on purpose.
      case $family in
        debian) apt update && apt install --yes $packages || fail install ;;
        fedora)
          as_root dnf install --assumeyes $packages || fail install
          command -v "$engine" || as_root dnf install --assumeyes docker-cli || fail install
          ;;
        alpine) as_root apk add $packages || fail install ;;
      esac
      ;;
    group)
      if command -v usermod >/dev/null 2>&1; then as_root usermod --append --groups docker "$user" || fail group
      else as_root addgroup "$user" docker || fail group
      fi
      ;;
    boot)
      case $manager.$engine in
        systemd.docker) as_root systemctl enable --now docker || fail boot ;;
        openrc.*) as_root rc-update add "$engine" default && as_root rc-service "$engine" start || fail boot ;;
        systemd.podman)
          if [ "$user" = root ]; then as_root systemctl enable podman-restart || fail boot
          else
            as_root loginctl enable-linger "$user" && mkdir -p "${wanted%/*}" || fail boot
            # `systemctl --user enable` needs a session, which has not started yet.
            ln -sf /usr/lib/systemd/user/podman-restart.service "$wanted" || fail boot
          fi
          ;;
      esac
      ;;
    *) continue ;;
  esac
  echo "done $item" >&3
done
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  if as_root "$engine" version; then exit 0; fi
  sleep 1
done
fail answer
