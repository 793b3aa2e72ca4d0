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
# What an engine needs at boot, only the server's administrator knows.
[ -z "$installed" ] || [ -n "$manager" ] || echo "note unmanaged"

packages=''
case $family.$engine in
  debian.docker) packages=docker.io ;;
  debian.podman) packages='podman netavark aardvark-dns' ;;
  fedora.docker) packages=moby-engine ;;
  *.*) packages=$engine ;;
esac

# Finds out how to run programs as root.
find_root() {
  if [ "$(id -u)" = 0 ]; then root=env
  elif sudo -n true 2>/dev/null; then root='sudo -n env'
  elif doas -n true 2>/dev/null; then root='doas -n env'
  else return 1
  fi
}
# Prints those of the files that exist. Fails if one cannot be read, or if nobody but root can tell whether it exists.
print='
for pattern; do
  folder=${pattern%/*}
  if [ -e "$folder" ] || [ -L "$folder" ]; then [ -x "$folder" ] || exit 1; fi
  case $pattern in *"*"*) [ ! -e "$folder" ] || [ -r "$folder" ] || exit 1 ;; esac
  for file in $pattern; do
    if [ -e "$file" ] || [ -L "$file" ]; then cat "$file" || exit 1; fi
  done
done'
# The text of the engine's settings. Only root may read some of them: what this user cannot read is not missing.
settings() {
  text=$(sh -c "$print" print "$@" </dev/null 2>/dev/null) && return
  find_root || { unreadable=yes && return; }
  text=$($root sh -c "$print" print "$@" </dev/null) && return
  echo "fault unreadable" && echo "file $1" && exit 0
}

# What is missing, item by item.
todo='' unreadable=''
daemon=/etc/docker/daemon.json
limits=/etc/containers/containers.conf.d/50-jiji.conf
wanted=$HOME/.config/systemd/user/default.target.wants/podman-restart.service
[ -n "$installed" ] || todo="$todo install"
if [ "$engine" = docker ]; then
  [ "$user" = root ] || id -nG "$user" | tr ' ' '\n' | grep -qx docker || todo="$todo group"
  settings "$daemon"
  printf '%s\n' "$text" | grep -qE '"log-(driver|opts)"' || todo="$todo logs"
else
  settings /etc/containers/containers.conf '/etc/containers/containers.conf.d/*.conf'
  printf '%s\n' "$text" | grep -q log_size_max || todo="$todo logs"
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
if [ -z "$manager" ] && [ -z "$installed" ]; then echo "fault manager" && exit 0; fi
if [ -n "$unreadable" ] || ! find_root; then echo "fault root" && exit 0; fi
[ "$mode" = apply ] || exit 0

exec 3>&1 >&2
fail() { echo "failed $1" >&3 && exit 0; }
# Services that start must not keep jiji's connection open.
as_root() { $root "$@" 3>&-; }
# Waits for other package managers, which run on a server that has just started.
apt() { as_root DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -o DPkg::Lock::Timeout=300 --quiet "$@"; }
# Replaces a file whole, so that a full disk does not leave half of it, and keeps its mode and owner.
replace='
mkdir -p "${1%/*}" && to=$(readlink -f "$1" || echo "$1") && new=$(mktemp "$to.XXXXXX") || exit 1
trap '\''rm -f "$new"'\'' EXIT
if [ -e "$to" ]; then cp -p "$to" "$new"; else chmod 644 "$new"; fi && cat >"$new" && mv -f "$new" "$to"'
put() { as_root sh -c "$replace" replace "$1"; }

rotation='"log-driver": "json-file", "log-opts": { "max-size": "10m", "max-file": "3" }'
for item in $todo; do
  [ "$item" != logs ] || {
    # Before the engine starts for the first time, so that it need not restart.
    if [ "$engine" = podman ]; then printf '[containers]\nlog_size_max = 10485760\n' | put "$limits" || fail logs
    else
      rest=${text#*\{}
      case $(printf %s "$text" | tr -d ' \n\t\r') in
        '') printf '{ %s }\n' "$rotation" | put "$daemon" ;;
        '{}'*) printf '{ %s%s\n' "$rotation" "$rest" | put "$daemon" ;;
        '{'*) printf '{ %s,%s\n' "$rotation" "$rest" | put "$daemon" ;;
        *) echo "$daemon is not JSON" && false ;;
      esac || fail logs
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
