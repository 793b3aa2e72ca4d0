#!/bin/sh
# A container engine that runs nothing: its containers are folders of files. Called as `docker` or `podman`, from a
# folder that also holds `state`. What a container goes through after its start is in `states`, a line for each look.
# Written with as few other programs as can be, for speed.
here=${0%/*}
state=$here/state
engine=${0##*/}
[ "$1" != create ] || /bin/cat /proc/$$/environ >"$state/create.environ"
# The environment may be anybody's from here on.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
IFS=' '

operation=$1
case $1 in image | context | healthcheck | network) operation="$1 $2" ;; esac
[ "$1 $2" != 'update --help' ] || operation='update --help'

{
  printf '%s\037' "$@"
  printf '\036'
} >>"$state/log"

[ ! -e "$state/stubborn" ] || trap '' TERM HUP
# block/OPERATION holds the call until it is let go; block/created holds a `create` before it prints the id.
hold() {
  [ -e "$state/block/$1" ] || return 0
  mv "$state/block/$1" "$state/blocked"
  while [ -e "$state/blocked" ]; do sleep 0.01; done
}
hold "$operation"
# fail/OPERATION is what the call says, and fails with.
if [ -e "$state/fail/$operation" ]; then
  cat "$state/fail/$operation" >&2
  exit 125
fi
[ ! -e "$state/warning" ] || cat "$state/warning" >&2

# The folder of a container, by its name or id.
find_container() {
  for at in "$state"/containers/*; do
    id=''
    [ ! -e "$at/id" ] || read -r id <"$at/id"
    [ "${at##*/}" != "$1" ] && [ "$id" != "$1" ] || return 0
  done
  echo "Error: No such container: $1" >&2
  return 1
}

label() {
  value=''
  while IFS= read -r line; do
    case $line in "$1="*) value=${line#*=} ;; esac
  done <"$at/labels"
}

# One look at the container in $at, as a template says.
look() {
  { read -r current; read -r more; } <"$at/states"
  case $1:$more in *RestartCount*:?*) sed -i 1d "$at/states" ;; esac
  status=${current%% *} rest=${current#* }
  restarts=${rest%% *} health=''
  case $rest in *' '*) health=${rest#* } ;; esac
  todo=$1 text=''
  while :; do
    case $todo in *'{{'*) ;; *) break ;; esac
    text=$text${todo%%'{{'*}
    todo=${todo#*'{{'}
    case ${todo%%'}}'*} in
      .State.Pid) value=''; [ ! -e "$state/pid" ] || read -r value <"$state/pid" ;;
      .HostConfig.RestartPolicy.Name) read -r value <"$at/policy" ;;
      .StaticDir) value=$here/storage/overlay-containers/$id/userdata ;;
      .PidFile) value=$here/run/overlay-containers/$id/userdata/pidfile ;;
      'with .Config.Healthcheck' | 'range .Log' | '$output := ""' | '$output = .Output') value='' ;;
      'json .') value=''; [ ! -e "$state/healthcheck" ] || read -r value <"$state/healthcheck" ;;
      'json $output') value=''; [ ! -e "$state/health-output" ] || read -r value <"$state/health-output" ;;
      .Name) [ "$engine" = podman ] || text=$text/; value=${at##*/} ;;
      .ID | .Id) value=$id ;;
      .Image) read -r value <"$at/image" ;;
      .State.Running) value=false; case $status in running | restarting | paused) value=true ;; esac ;;
      .State.Status) value=$status ;;
      .State.ExitCode) value=7 ;;
      .RestartCount) value=$restarts ;;
      .Status) value=$health ;;
      'index .Config.Labels "jiji.project"') label jiji.project ;;
      'index .Config.Labels "jiji.service"') label jiji.service ;;
      'index .Config.Labels "jiji.digest"') label jiji.digest ;;
      'index .Config.Labels "jiji.config"') label jiji.config ;;
      'index .Config.Labels "jiji.address"') label jiji.address ;;
      'with .State.Health' | end) value='' ;;
      *) echo "template: ${todo%%'}}'*}" >&2; exit 1 ;;
    esac
    text=$text$value
    todo=${todo#*'}}'}
  done
  printf '%s\n' "$text$todo"
}

case $operation in
  version) cat "$state/version" ;;
  'context inspect') echo other ;;
  login)
    printf '%s\n' "${DOCKER_CONTEXT-}" "$(readlink "$DOCKER_CONFIG/contexts")" "$DOCKER_CONFIG" "$REGISTRY_AUTH_FILE" >"$state/login"
    stat -c %a "$DOCKER_CONFIG" "$DOCKER_CONFIG/config.json" >"$state/modes"
    echo 'WARNING! Your password will be stored unencrypted' >&2
    cat >"$state/password"
    touch "$DOCKER_CONFIG/config.json"
    ;;
  pull | push)
    # Passwords are asked for wherever a terminal is found.
    [ ! -e "$state/asks" ] || (read -r password </dev/tty) || exit 125
    exec 7>&1
    if [ -t 1 ]; then echo "On a terminal of $(stty size <&7), with $(readlink /proc/$$/fd/0) to read"; fi
    case $operation in pull) echo 'Pulling from somewhere' ;; *) echo 'Pushing to somewhere' ;; esac
    ;;
  'image inspect') echo '[{"the": "image"}]' ;;
  'image ls')
    shift 2
    while [ $# -gt 1 ]; do
      [ "$1" != --format ] || template=$2
      shift
    done
    while read -r id repository tag digest; do
      [ "$repository" = "$1" ] || continue
      printf '%s\n' "$template" | sed \
        -e "s|{{.ID}}|$id|" -e "s|{{.Repository}}|$repository|" -e "s|{{.Tag}}|$tag|" -e "s|{{.Digest}}|$digest|"
    done <"$state/images"
    ;;
  # What a container does is done here, with the programs of busybox.
  exec)
    [ -e "$state/containers/$2" ] || { echo "Error response from daemon: No such container: $2" >&2; exit 1; }
    shift 3
    exec busybox sh "$@"
    ;;
  tag | rmi) ;;
  ps) for at in "$state"/containers/*; do [ ! -e "$at" ] || cat "$at/id"; done ;;
  create)
    printf '%s\0' "$@" >"$state/create.words"
    made=$state/containers/$3
    [ ! -e "$made" ] || { echo "Conflict. The container name $3 is already in use" >&2; exit 125; }
    mkdir "$made"
    for each; do
      case $each in
        jiji.*=*) printf '%s\n' "$each" ;;
        /dev/stdin) cat ;;
      esac
    done >"$made/labels"
    read -r image <"$state/image"
    read -r count <"$state/count"
    echo "$((count + 1))" >"$state/count"
    echo "$3-$count" >"$made/id"
    [ "$engine" != podman ] || mkdir -p "$here/storage/overlay-containers/$3-$count/userdata"
    echo "$image" >"$made/image"
    echo "$5" >"$made/policy"
    echo 'created 0 ' >"$made/states"
    hold created
    echo "$3-$count"
    ;;
  start)
    find_container "$2" || exit 1
    # As podman does: https://github.com/containers/podman/blob/v4.3.1/libpod/container_internal.go (saveSpec)
    config=$here/storage/overlay-containers/$id/userdata/config.json
    if [ -d "${config%/*}" ]; then
      [ ! -e "$config" ] || rm "$config"
      echo '{}' >"$config" || exit 125
    fi
    read -r current <"$at/states"
    case $current in created*) cp "$state/states" "$at/states" ;; *) echo 'running 0 ' >"$at/states" ;; esac
    ;;
  stop)
    find_container "$2" || exit 1
    echo 'exited 0 ' >"$at/states"
    ;;
  unpause)
    find_container "$2" || exit 1
    echo 'running 0 ' >"$at/states"
    ;;
  kill)
    find_container "$2" || exit 1
    echo 'exited 137 ' >"$at/states"
    rm -f "$state/blocked"
    ;;
  # By default, it is podman 4, which cannot change policies.
  'update --help') cat "$state/update-help" ;;
  update)
    [ "$engine" != podman ] || [ $# = 4 ] || { echo "Error: accepts 1 arg(s), received $(($# - 3))" >&2; exit 125; }
    policy=$3
    shift 3
    for each; do
      find_container "$each" || exit 1
      echo "$policy" >"$at/policy"
    done
    ;;
  events) cat "$state/events" ;;
  rm)
    find_container "$3" || exit 1
    rm -rf "$at" "$here/storage/overlay-containers/$id"
    ;;
  rename)
    [ ! -e "$state/containers/$3" ] || { echo "Conflict. The container name $3 is already in use" >&2; exit 1; }
    mv "$state/containers/$2" "$state/containers/$3"
    ;;
  logs) echo 'its last line'; echo 'and an error' >&2 ;;
  # A network is a file with its project, its subnet and its range. Docker allows several with one name; this one does not.
  'network create')
    shift 2
    owner='' subnet='' range=''
    while [ $# -gt 1 ]; do
      case $1 in
        --label) owner=${2#*=} ;;
        --subnet) subnet=$2 ;;
        --ip-range) range=$2 ;;
      esac
      shift 2
    done
    mkdir -p "$state/networks"
    [ ! -e "$state/networks/$1" ] || { echo "network with name $1 already exists" >&2; exit 1; }
    [ -n "$subnet" ] || subnet=172.18.0.0/16
    [ -z "$range" ] && [ -e "$state/subnet" ] && read -r subnet <"$state/subnet"
    echo "$owner|$subnet $range," >"$state/networks/$1"
    hold created
    echo "$1"
    ;;
  'network inspect')
    [ -e "$state/networks/$5" ] || { echo "Error: No such network: $5" >&2; exit 1; }
    case $4 in
      *DNSEnabled*) if [ -e "$state/cni" ]; then echo false; else echo true; fi ;;
      *) cat "$state/networks/$5" ;;
    esac
    ;;
  'network rm')
    rm "$state/networks/$3"
    echo "$3"
    ;;
  info)
    backend=netavark
    [ ! -e "$state/cni" ] || backend=cni
    case $3 in *GraphRoot*) echo "$backend /var" ;; *) echo "$backend" ;; esac
    ;;
  'healthcheck run') [ -e "$state/healthy" ] ;;
  inspect)
    shift 3
    template=''
    if [ "$1" = --format ]; then
      template=$2
      shift 2
    fi
    code=0
    for each; do
      if find_container "$each"; then
        if [ -n "$template" ]; then look "$template"; else echo "[$each]"; fi
      else
        code=1
      fi
    done
    exit $code
    ;;
  *) echo "unknown: $*" >&2; exit 125 ;;
esac
