# Replaces a service's container. At every moment, either the old container or a healthy new one exists.
# Requests of the proxy go to the address in the file $upstream, which is in the proxy's container. Until that file
# changes, the old container serves, also after a reboot.
set -u
id=${id#sha256:}
program=$(command -v "$engine") || { echo "$engine: not found" >&2; exit 127; }
config=$JIJI_CONFIG
next=$name-next trial=$name-trial old='' phase=start why='' stopping='' stopped='' answered='' failing='' probing=''
# A signal may arrive before these are known.
name_runs='' user=''

# After a reboot, the old container must come back until the new one has proved itself, and then the new one.
# docker starts an `always` container at boot even if it was stopped before, which it does not with `unless-stopped`.
# podman-restart.service starts all `always` containers and no others. Podman can change the policy of a container since
# version 5.1; for older ones, see `hold_back`.
can_update=true
[ "$engine" != podman ] || can_update=''
# Sets `proven`: the policy, for this engine, of a container that has proved itself. deploy.yml or a label names it.
proven_for() {
  case $1 in
    always | no | on-failure | on-failure:[0-9]*) proven=$1 ;;
    *) if [ "$engine" = podman ]; then proven=always; else proven=unless-stopped; fi ;;
  esac
}
proven_for "$restart"
updates() {
  [ -n "$can_update" ] || case $(e update --help 2>/dev/null) in
    *--restart*) can_update=true ;;
    *) can_update=false ;;
  esac
  "$can_update"
}
policy() { # policy, container...
  updates || return
  [ "$engine" = podman ] || { quiet update --restart "$@"; return; }
  wanted=$1
  shift
  for each; do quiet update --restart "$wanted" "$each" || return; done
}
# What deploy.yml says now also holds for the old container. Otherwise it has its own time to stop.
grace=${stop_timeout:+-t $stop_timeout}
# Tells jiji what this script does if it is stopped from now on.
stage() { phase=$1; echo "jiji stage $1" >&2; }

# The TCP ports of the container that are published, and its address.
tcp='' ip='' count=0 flag=''
for word; do
  [ "$count" -lt "$exclusive" ] || break
  count=$((count + 1))
  case $flag,$word in
    *,--*) flag=$word ;;
    --publish,*/udp | --publish,*/sctp) ;;
    --publish,*) word=${word%/tcp} tcp="$tcp ${word##*:}" ;;
    --ip,*) ip=$word ;;
  esac
done
# With an older netavark, the bridge of podman's network takes the lowest hardware address of its containers. When that
# changes, containers that know another one get no answers from the DNS server there, for up to a minute. A bridge keeps an
# address that it was given, so give it the one that it has. Only root can, and only root's networks are on this machine.
pin_bridge() {
  [ "$engine" = podman ] && [ -n "$ip" ] || return 0
  bridge=$(ip route get "$ip" 2>/dev/null | sed -n "s/^$ip dev \([^ ]*\) .*/\1/p")
  [ -n "$bridge" ] || return 0
  hardware=$(ip -o link show dev "$bridge" type bridge 2>/dev/null | sed -n 's/.* link\/ether \([^ ]*\) .*/\1/p')
  [ -z "$hardware" ] || ip link set dev "$bridge" address "$hardware" 2>/dev/null
}

# Child processes must not inherit the locks below: a container's monitor would hold them as long as the container runs.
e() { "$program" "$@" 7<&- 8<&- 9<&-; }
quiet() { e "$@" >/dev/null 2>&1; }
# Sets `clock` to hundredths of a second since the boot. busybox's date has no fractions.
read_clock() { read -r clock _ </proc/uptime; clock=${clock%.*}${clock#*.}; }

create() {
  (
    set -- "$program" create --name "$@"
    export_secrets
    exec "$@" 7<&- 9<&- <<END
jiji.config=$JIJI_CONFIG
jiji.parts=$JIJI_PARTS
jiji.run=${JIJI_RUN_ID:-}
jiji.by=${JIJI_BY:-}
${JIJI_LABELS:-}
END
  )
}
create_trial() { shift "$exclusive"; create "$trial" --restart no --label-file /dev/stdin "$@"; }
create_next() {
  unproven=$proven
  ! updates || unproven=no
  create "$next" --restart "$unproven" --label-file /dev/stdin "$@"
}

# Podman 4 cannot change policies, so both containers have their own, such as `always`. But it writes a container's config.json before each
# start, and does not start the container if it cannot. (`saveSpec` in its libpod/container_internal.go.) So that file of
# the new container is a symbolic link into a folder that a reboot removes. Once the link is gone, nothing special is left.
# The folder is made first: a reboot between `create` and `hold_back` starts both containers.
volatile='' next_json=''
before_create() {
  # Behind the proxy, both containers may start after a reboot: its file decides which one serves.
  [ -z "$proxy" ] || [ "$strategy" != beside ] || return 0
  if [ -n "$old" ] && ! updates; then volatile=$(mktemp -d "$run_root/jiji-XXXXXX" 2>/dev/null) || volatile=''; fi
}
hold_back() {
  [ -n "$volatile" ] || return 0
  next_json=${name_json%"/$old/"*}/$next_id/userdata/config.json
  ln -s "$volatile/config.json" "$next_json" 2>/dev/null || rmdir "$volatile"
}
# Whether a reboot starts the container with the service's name.
is_proven() { [ "$name_policy" = "${name_proven%%:*}" ] && [ ! -L "$name_json" ]; }
prove() {
  [ ! -L "$name_json" ] || { cp "$name_json" "$name_json.jiji" && mv -f "$name_json.jiji" "$name_json"; } || return
  [ "$name_policy" = "${name_proven%%:*}" ] || policy "$name_proven" "$name_id"
}
# From now on, a reboot starts the new container and not the old one. If this takes two steps, two containers that share
# data must not start in between.
hand_over() {
  if [ -L "$next_json" ]; then
    # Moving the link to the old container hands over in one step. `podman exec` needs the file of a running container.
    cp "$next_json" "$next_json.jiji" || rm -f "$next_json.jiji"
    mv -f "$next_json" "$name_json" || rm -f "$next_json"
    mv -f "$next_json.jiji" "$next_json"
    rm -rf "$volatile"
  elif [ "$engine" = podman ]; then
    updates || return 0
    case $strategy in
      beside) policy "$proven" "$next" ;;
      trial) policy "$proven" "$next" && policy no "$old" ;;
      stop) policy no "$old" && policy "$proven" "$next" ;;
    esac
  else
    # A stopped container starts again at boot only with `always`.
    case $strategy in
      beside)
        policy "$proven" "$next" || return
        [ "$name_proven" != always ] || [ -z "$old" ] || policy unless-stopped "$old"
        ;;
      trial)
        if [ "$proven" = unless-stopped ]; then policy "$proven" "$next" "$old"; return; fi
        policy unless-stopped "$old" && policy "$proven" "$next"
        ;;
      stop)
        if [ "$proven" = unless-stopped ]; then policy "$proven" "$old" "$next"; return; fi
        policy unless-stopped "$old" && policy "$proven" "$next"
        ;;
    esac
  fi
}

# Reads the state of the containers with the three names; missing ones are skipped. `.State.Running` would also be true of
# a container that is paused, or that docker is about to restart. The format must use `.ID`, not `.Id`: for a field that
# exists only in the JSON, `docker` falls back to the raw JSON, which has no `.Health` for a container without a health check.
survey() {
  name_id='' name_runs='' name_state='' name_digest='' name_config='' name_policy='' name_proven='' name_json='' run_root='' next_id='' next_runs='' trial_id='' foreign=''
  name_address='' next_address=''
  # Only podman has these fields.
  files='|'
  [ "$engine" != podman ] || files='{{.StaticDir}}|{{.PidFile}}'
  found=$(e inspect --type container --format '{{.Name}}|{{.ID}}|{{.State.Status}} {{with .State.Health}}{{.Status}}{{end}}|{{index .Config.Labels "jiji.project"}}|{{index .Config.Labels "jiji.service"}}|{{index .Config.Labels "jiji.digest"}}|{{index .Config.Labels "jiji.config"}}|{{.HostConfig.RestartPolicy.Name}}|{{index .Config.Labels "jiji.restart"}}|{{index .Config.Labels "jiji.address"}}|'"$files" "$name" "$next" "$trial" 2>/dev/null)
  while IFS='|' read -r each id_ state_ project_ service_ digest_ config_ policy_ restart_ address_ static_ pid_; do
    each=${each#/} runs=false
    case $state_ in 'running '*) runs=true ;; esac
    case $each in
      "$name")
        name_id=$id_ name_runs=$runs name_state=$state_
        name_digest=$digest_ name_config=$config_ name_policy=${policy_:-no}
        name_address=$address_
        proven_for "$restart_"
        name_proven=$proven
        name_json=$static_/config.json run_root=${pid_%/*"/$id_/"*}
        ;;
      "$next") next_id=$id_ next_runs=$runs next_address=$address_ ;;
      "$trial") trial_id=$id_ ;;
      *) continue ;;
    esac
    [ "$project_" = "$project" ] && [ "$service_" = "$service" ] || foreign=${foreign:-$each}
  done <<END
$found
END
  proven_for "$restart"
}

# Whether something accepts connections on each published port of the container with this process. Connecting would say
# nothing: docker's proxy accepts any connection. `docker exec` would need a program in the image. Every user may read the
# sockets of another network namespace here, but not if /proc hides other users' processes: then any port counts.
listens() {
  missing='' elsewhere='' open=' ' loopback=' '
  [ -n "$tcp" ] || return 0
  case $1 in '' | 0) return 0 ;; esac
  sockets=$(cat "/proc/$1/net/tcp" "/proc/$1/net/tcp6" 2>/dev/null)
  [ -n "$sockets" ] || return 0
  while read -r _ socket _ state _; do
    [ "$state" = 0A ] || continue
    number=$((0x${socket##*:}))
    case ${socket%:*} in
      # 127.0.0.0/8, ::1 and ::ffff:127.0.0.0/104: published ports lead to another address of the container.
      ??????7F | 00000000000000000000000001000000 | 0000000000000000FFFF0000??????7F) loopback="$loopback$number " ;;
      *) case $open in *" $number "*) ;; *) open="$open$number " elsewhere="$elsewhere${elsewhere:+, }$number" ;; esac ;;
    esac
  done <<END
$sockets
END
  for number in $tcp; do
    case $open in *" $number "*) ;; *) missing="$missing${missing:+, }$number" ;; esac
  done
  [ -n "$missing" ] || return 0
  for number in $tcp; do
    case $loopback in *" $number "*) elsewhere="$elsewhere${elsewhere:+, }$number of 127.0.0.1" ;; esac
  done
  return 1
}

# Waits for at most this many twentieths of a second, but not after the published ports accept connections. This needs
# no program of the engine, which takes longer to start.
wait_for_ports() {
  looks=$1
  while [ "$looks" -gt 0 ]; do
    nap 0.05
    ! listens "$pid" || return 0
    looks=$((looks - 1))
  done
}

# What runs in the proxy's container, so that nothing has to be installed on the server, and the check takes the way that
# requests will take. Each call starts the engine's client once, which is why it waits there.
in_proxy='
set -uf
# As /proc/net/tcp writes it. The proxy is in the network of the server.
socket() { (
  port=${1##*:} IFS=.
  set -- ${1%:*}
  printf "%02X%02X%02X%02X:%04X" "$4" "$3" "$2" "$1" "$port"
); }
connected() { grep -q " $remote 01 " /proc/net/tcp; }
# A program that reads from this gets no end of input, which some servers take for the end of the connection.
hold_open() { mkfifo "$file.$$" && exec 3<>"$file.$$" && rm "$file.$$"; }

connect() { # address:port
  hold_open
  nc -w 5 "${1%:*}" "${1##*:}" <&3 >/dev/null 2>"$file.$$" &
  while ! connected; do
    kill -0 $! 2>/dev/null || break
    sleep 0.05
  done
  kill $! 2>/dev/null && wait $! 2>/dev/null
  failed=$(cat "$file.$$")
  rm -f "$file.$$"
  [ -n "$failed" ] || { echo ok; exit; }
  failing="error $failed"
}
ask() { # address:port, path, host, lowest status, highest status
  hold_open
  printf "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: jiji\r\nConnection: close\r\n\r\n" "$2" "$3" >&3
  answer=$(timeout 5 nc -w 5 "${1%:*}" "${1##*:}" <&3 2>&1 | head -c 4000 | tr "\000-\011\013-\037\177" " ")
  case $answer in
    HTTP/*)
      status=${answer#* } status=${status%%[!0-9]*}
      if [ "${status:-0}" -ge "$4" ] && [ "$status" -le "$5" ]; then echo ok; exit; fi
      failing="answer $status $(printf "%s" "$answer" | sed "1,/^ *$/d" | tr "\n" " " | head -c 300)"
      ;;
    "") failing="error no answer within 5 s" ;;
    *) failing="error $answer" ;;
  esac
}

file=$2
mkdir -p "${file%/*}"
case $1 in
  read) cat "$file" ;;
  # address:port, seconds to try, interval, path, host, lowest status, highest status
  check)
    remote=$(socket "$3")
    until=$(($(date +%s) + $4))
    while :; do
      if [ -n "$6" ]; then ask "$3" "$6" "$7" "$8" "$9"; else connect "$3"; fi
      [ "$(date +%s)" -lt "$until" ] || break
      sleep "$5"
    done
    echo "$failing"
    ;;
  # address:port or nothing, address:port of the container to leave or nothing, drain
  switch)
    [ -z "$3" ] || { printf "%s\n" "$3" >"$file.next" && sync "$file.next" && mv "$file.next" "$file"; } || exit
    echo switched
    [ -n "$4" ] || exit
    remote=$(socket "$4") until=$(($(date +%s) + $5))
    # The proxy may have read the file a moment ago, and connect now.
    sleep 0.3
    while connected; do
      [ "$(date +%s)" -lt "$until" ] || { grep -c " $remote 01 " /proc/net/tcp; break; }
      sleep 0.2
    done
    ;;
esac
'
proxy_do() { # what to do, its arguments...
  doing=$1
  shift
  e exec "$proxy" sh -c "$in_proxy" jiji "$doing" "$upstream" "$@"
}

# Whether the proxy gets an answer from the new container that counts as healthy. Otherwise sets `failing`.
answers() {
  [ -n "$probing" ] || return 0
  # Not for long, because the container may crash meanwhile.
  patience=$((deadline - $(date +%s)))
  [ "$patience" -le 2 ] || patience=2
  # The answer is the last line, because the engine may print warnings first.
  ! failing=$(proxy_do check "$address:$port" "$patience" "$interval" "$path" "$host" "${status%-*}" "${status#*-}" 2>&1) ||
    failing=${failing##*"
"}
  [ "$failing" != ok ] || failing=''
  [ -z "$failing" ]
}
# Why the answers are not good enough, in one line.
why_failing() {
  case $failing in
    'answer '*) answer=${failing#answer } why="answers GET $path with ${answer%% *} after $limit s" ;;
    'error '*) why="does not answer the proxy on port $port after $limit s" ;;
    *) why="cannot be reached from the container $proxy" failing="error $failing" ;;
  esac
}
# Moves requests from one container to another, and waits until those that the first one has are done.
leaving="the old container of $service"
move_requests() { # address:port, address of the first one
  moved=$(proxy_do switch "$1" "${2:+$2:$port}" "$drain" 2>&1)
  # The engine may print warnings first.
  case $moved in
    *switched) ;;
    *'switched
'*) echo "$leaving still has open connections after $drain s: ${moved##*
}" >&2 ;;
    *) echo "$moved" >&2; return 1 ;;
  esac
}

# The exit code of a container that podman has restarted, or is about to: only podman's events still know it. With docker,
# a new container is not restarted.
exit_code() {
  [ "$engine" = podman ] || return 0
  e events --stream=false --since 1h --filter "container=$1" --filter event=died --format '{{.ContainerExitCode}}' 2>/dev/null | tail -n 1
}

# Runs podman's health check of a container, which may never end, until the deadline at most.
check() {
  "$program" healthcheck run "$1" >/dev/null 2>&1 7<&- 8<&- 9<&- &
  checking=$!
  while kill -0 "$checking" 2>/dev/null; do
    [ "$(date +%s)" -lt "$deadline" ] || { kill -9 "$checking"; return 1; }
    nap 0.2
  done
  wait "$checking"
}

# Waits until a container is healthy. Otherwise returns 1 and sets `why`.
ready() { # container, seconds that it must run if it has no health check
  deadline=$(($(date +%s) + limit)) settled='' missing=''
  while :; do
    now=$(e inspect --type container --format '{{.State.Pid}} {{.Image}} {{.State.Status}} {{.RestartCount}} {{with .State.Health}}{{.Status}}{{end}}' "$1" 2>/dev/null)
    [ -n "$now" ] || { why='was removed by someone else'; return 1; }
    pid=${now%% *} now=${now#* }
    made=${now%% *} now=${now#* }
    [ "${made#sha256:}" = "$id" ] || { why="does not use the image that was pulled as $image"; return 1; }
    # Where the old container had to stop first: the moment from which something answers again.
    if [ -n "$stopped" ] && [ -z "$answered" ] && listens "$pid"; then read_clock; answered=$clock; fi
    case $now in
      'running 0 healthy') ! listens "$pid" || ! answers || return 0 ;;
      'running 0 ')
        if [ "$2" != 0 ] && [ -z "$settled" ] && { [ -z "$probing" ] || [ -z "$path" ]; }; then
          nap "$2"
          settled=yes
          continue
        fi
        ! listens "$pid" || ! answers || return 0
        ;;
      'running 0 starting') ;;
      'running 0 unhealthy')
        # Without systemd, podman does not run health checks by itself. So run them below, and use their result at once.
        [ "$engine" = podman ] || { why='is unhealthy'; return 1; }
        ;;
      'running '* | 'restarting '*)
        code=$(exit_code "$1")
        why="crashed${code:+ with exit code $code} and was restarted"
        return 1
        ;;
      *)
        code=$(exit_code "$1")
        [ -n "$code" ] || code=$(e inspect --type container --format '{{.State.ExitCode}}' "$1")
        why="stopped with exit code $code"
        return 1
        ;;
    esac
    if [ "$(date +%s)" -ge "$deadline" ]; then
      why="was not healthy after $limit s"
      [ -z "$failing" ] || why_failing
      [ -z "$missing" ] || why="accepts no connections on port $missing after $limit s; it listens on ${elsewhere:-no port}" failing=''
      return 1
    fi
    if [ "$engine" = podman ]; then
      case $now in
        *' ') ;;
        *) ! check "$1" || ! listens "$pid" || ! answers || return 0 ;;
      esac
      [ -n "$missing" ] && wait_for_ports 20 || nap 1
    else
      [ -n "$missing" ] && wait_for_ports 4 || nap 0.2
    fi
  done
}

# Removes a container that this script created. If `create` was interrupted, its id is unknown. If it failed, another
# project may have created a container with this name.
discard() { # name, id
  each=$2
  if [ -z "$each" ]; then
    owner=$(e inspect --type container --format '{{index .Config.Labels "jiji.project"}}|{{index .Config.Labels "jiji.service"}}|{{.ID}}' "$1" 2>/dev/null)
    case $owner in "$project|$service|"*) each=${owner##*|} ;; *) each='' ;; esac
  fi
  [ -z "$each" ] || quiet rm --force "$each"
  [ -z "$volatile" ] || rm -rf "$volatile"
}

# Sets `kept` to whether the old container runs afterwards.
undo() {
  trap '' TERM INT HUP
  kept=$name_runs
  case $phase in
    trial) discard "$trial" "$trial_id" ;;
    next) discard "$next" "$next_id" ;;
    switch)
      discard "$next" "$next_id"
      if [ -n "$stopping" ]; then
        # The engine goes on stopping the container even if nobody waits, and would stop it after a start too. So end the
        # stop. But give a container with data the time to close its files.
        [ "$strategy" = stop ] || quiet kill "$old"
        wait ${!-}
      fi
      kept=false
      ! quiet start "$old" || { kept=true; policy "$name_proven" "$old"; }
      ;;
  esac
  [ -z "$folder" ] || rm -rf "$folder"
}
# 10: the old container runs; 13: nothing runs.
exit_undone() { undo; [ "$kept" = true ] && exit 10; exit 13; }
unhealthy() {
  if [ -n "$failing" ]; then
    printf 'unhealthy-answer %s\n%s\n' "$why" "$failing"
    e logs --tail 20 "$1" 2>&1
    exit_undone
  fi
  # The health check's settings and its last output, each as JSON in one line.
  check=$(e inspect --type container --format '{{with .Config.Healthcheck}}{{json .}}{{end}}
{{with .State.Health}}{{$output := ""}}{{range .Log}}{{$output = .Output}}{{end}}{{json $output}}{{end}}' "$1" 2>/dev/null)
  case $check in
    '{'*'
"'*) printf 'unhealthy-check %s\n%s\n' "$why" "$check" ;;
    *) echo "unhealthy $why" ;;
  esac
  e logs --tail 20 "$1" 2>&1
  exit_undone
}
unstarted() { echo unstarted; exit_undone; }
unswitched() { echo unswitched; exit_undone; }
give_up() { undo; exit 1; }

trap '' PIPE
trap 'undo; exit 143' TERM INT HUP

take_turn

# Names alone do not tell whose a container is: project shop-web with service next has the same as a new container of
# project shop and service web.
survey
[ -z "$foreign" ] || { echo "foreign $foreign"; exit 11; }

# Clean up after an interrupted deploy. Remove its trial container. Keep its new container only if the old one is not running.
[ -z "$trial_id" ] || quiet rm --force "$trial_id"
# Or if the proxy sends requests to the new one already.
serves_next=''
if [ -n "$proxy" ] && [ "$next_runs" = true ]; then
  serving=$(proxy_do read 2>/dev/null)
  [ -z "$next_address" ] || [ "${serving%:*}" != "$next_address" ] || serves_next=yes
fi
if [ "$next_runs" = true ] && { [ "$name_runs" != true ] || [ -n "$serves_next" ]; }; then
  [ -z "$serves_next" ] || [ "$name_runs" != true ] || [ "$name_address" = "$next_address" ] ||
    { move_requests "$serving" "$name_address"; quiet stop "$name_id"; }
  [ -z "$name_id" ] || quiet rm --force "$name_id"
  e rename "$next" "$name" || exit 1
  survey
elif [ -n "$next_id" ]; then
  quiet rm --force "$next_id"
fi
trial_id='' next_id=''

if [ "$strategy" = remove ]; then
  # $address is that of another replica, which takes its requests.
  if [ -n "$name_id" ]; then
    trap '' TERM INT HUP
    stage drain
    [ -z "$proxy" ] || move_requests "$address:$port" "$name_address" || exit 1
    stage tidy
    quiet stop "$name_id"
    e rm --force "$name_id" >/dev/null || exit 1
  fi
  echo "removed ${name_id:-nothing}"
  exit 0
fi

# A stopped container must not start at boot. Docker starts those with `unless-stopped` only if they ran; for podman 4, see
# `hold_back`: here, it is the container itself whose file goes with a reboot.
keep_stopped() {
  [ "$name_policy" != no ] || return 0
  if [ "$engine" != podman ]; then [ "$name_policy" = unless-stopped ] || policy no "$name_id"; return; fi
  if updates; then policy no "$name_id"; return; fi
  [ ! -L "$name_json" ] && [ "$name_policy" = always ] || return 0
  volatile=$(mktemp -d "$run_root/jiji-XXXXXX" 2>/dev/null) && ln -sf "$volatile/config.json" "$name_json"
}
let_start() {
  if [ -L "$name_json" ]; then
    target=$(readlink "$name_json")
    rm -f "$name_json"
    case $target in "$run_root"/jiji-*/config.json) rm -rf "${target%/*}" ;; esac
  fi
  [ "$name_policy" = "${name_proven%%:*}" ] || policy "$name_proven" "$name_id"
}
not_after_reboot() { echo "$engine cannot set the restart policy of $name: $1 after a reboot" >&2; }
# Sends requests to the container again, whatever it answers.
reopen() { [ -z "$held" ] || move_requests "$own" ''; held=''; }
unready() {
  reopen
  printf 'unready %s\n%s\n' "$why" "$failing"
  e logs --tail 20 "$name_id" 2>&1
  exit 14
}

# Starts, stops or restarts the container as it is.
case $strategy in start | halt | restart)
  [ -n "$name_id" ] || { echo absent; exit 0; }
  id=$(e inspect --type container --format '{{.Image}}' "$name_id") || exit 1
  id=${id#sha256:} own=$name_address:$port leaving=$name held='' gap=''
  # An older jiji gave it no address, so it is not behind the proxy.
  [ -n "$name_address" ] || proxy=''
  case $name_state in 'paused '*) ! quiet unpause "$name_id" || name_runs=true name_state='running ' ;; esac
  case $strategy,$name_state in
    start,'running '*)
      is_proven || prove || not_after_reboot 'it does not start again'
      [ -z "$proxy" ] || move_requests "$own" '' || exit 1
      echo "unchanged $name_id"
      exit 0
      ;;
    halt,'exited '* | halt,'created '* | halt,'configured '*)
      keep_stopped || not_after_reboot 'it starts again'
      echo "unchanged $name_id"
      exit 0
      ;;
  esac
  if [ "$strategy" = halt ]; then
    trap '' TERM INT HUP
    stage requests
    [ -z "$proxy" ] || [ "$name_runs" != true ] || move_requests '' "$name_address"
    stage stop
    [ "$engine" = podman ] && ! updates || keep_stopped || not_after_reboot 'it starts again'
    quiet stop "$name_id" || e stop "$name_id" >/dev/null || exit 1
    [ "$engine" != podman ] || updates || keep_stopped || not_after_reboot 'it starts again'
    echo "stopped $name_id"
    exit 0
  fi
  ip=$name_address
  pin_bridge
  case $name_state in
    'running '* | 'restarting '*)
      is_proven || prove || not_after_reboot 'it does not start again'
      trap '' TERM INT HUP
      if [ -n "$proxy" ] && [ "$name_runs" = true ]; then
        # Where nothing listens, requests wait in the proxy, which tries again for 5 s.
        stage requests
        held=yes
        if [ -n "$address" ]; then other=$address:$port; else other=127.0.0.1:1; fi
        move_requests "$other" "$name_address" || exit 1
      fi
      stage restart
      read_clock
      stopped=$clock
      quiet restart "$name_id" || e start "$name_id" >/dev/null || { reopen; exit 1; }
      ;;
    *)
      let_start || not_after_reboot 'it does not start again'
      e start "$name_id" >/dev/null || exit 1
      ;;
  esac
  trap 'reopen; exit 143' TERM INT HUP
  if [ -n "$proxy" ]; then probing=yes tcp="$tcp $port" address=$name_address; fi
  ready "$name_id" "$settle" || unready
  pin_bridge
  [ -z "$proxy" ] || move_requests "$own" '' || exit 1
  if [ -n "$stopped" ]; then
    gap=$((${answered:-$stopped} - stopped))
    gap=" $((gap / 100)).$((gap / 10 % 10))$((gap % 10))"
  fi
  echo "started $name_id$gap"
  exit 0
  ;;
esac

# An interrupted deploy or a reboot may have left another restart policy. Podman 4 needs a new container.
repaired=true
[ "$name_runs" != true ] || is_proven || prove || repaired=false

if [ "$name_digest" = "$digest" ] && [ "$name_config" = "$config" ]; then
  case $name_state in
    'running unhealthy') ;;
    'running '*)
      if [ "$engine" != podman ] || [ "$repaired" = true ]; then
        [ -z "$proxy" ] || move_requests "$name_address:$port" '' || exit 1
        echo "unchanged $name_id"
        exit 0
      fi
      ;;
  esac
fi
# Podman cannot stop a paused container, and docker can only kill it.
case $name_state in 'paused '*) ! quiet unpause "$name_id" || name_runs=true ;; esac
old=$name_id
[ -n "$old" ] || strategy=beside
pin_bridge
write_files || give_up

if [ "$strategy" = trial ]; then
  # Check that the new container can run before the old one releases its ports.
  stage trial
  trial_id=$(create_trial "$@") || give_up
  e start "$trial" >/dev/null || unstarted
  ready "$trial" "$settle" || unhealthy "$trial"
  quiet rm --force "$trial_id"
  settle=0
fi

# Before the new container is created, so that jiji knows it in time if it is interrupted while the old one stops.
if [ "$strategy" = beside ]; then stage next; else stage switch; fi
before_create
next_id=$(create_next "$@") || give_up
hold_back
if [ "$strategy" != beside ]; then
  # One that would not start at boot anyway keeps its policy.
  [ "$engine" = podman ] || [ "$name_proven" != unless-stopped ] || policy always "$old"
  # In the background, because it takes as long as the container takes to stop. Quietly, because podman warns when a
  # container ignores SIGTERM: if the connection is lost, that would kill podman and leave the container half stopped.
  # `stopping` is set first, because a signal may arrive at once.
  stopping=yes
  read_clock
  stopped=$clock
  quiet stop $grace "$old" &
  wait $! && stopping='' || { stopping=''; e stop $grace "$old" >/dev/null || give_up; }
fi
e start "$next" >/dev/null || unstarted
if [ -n "$proxy" ]; then probing=yes tcp="$tcp $port"; fi
ready "$next" "$settle" || unhealthy "$next"

# The new container is healthy. Finish the rest even if interrupted.
trap '' TERM INT HUP
[ -n "$proxy" ] || stage tidy
pin_bridge
hand_over || {
  # Some engines cannot change a running container.
  quiet stop "$next"
  policy "$proven" "$next" || echo "$engine cannot set the restart policy of $name: it does not start again after a reboot" >&2
  e start "$next" >/dev/null || { phase=switch; unstarted; }
  [ -z "$proxy" ] || ready "$next" 0 || { phase=switch; unhealthy "$next"; }
  read_clock
  [ -z "$stopped" ] || answered=$clock
}
if [ -n "$proxy" ]; then
  # Where the old container has stopped, the new one has its address.
  draining=''
  [ "$strategy" != beside ] || draining=$name_address
  stage drain
  move_requests "$address:$port" "$draining" || { phase=switch; unswitched; }
  stage tidy
fi
if [ -n "$old" ]; then
  quiet stop $grace "$old"
  quiet rm --force "$old"
fi
e rename "$next" "$name" || exit 1
tidy_files 2>/dev/null
gap=''
if [ -n "$stopped" ]; then
  gap=$((${answered:-$stopped} - stopped))
  gap=" $((gap / 100)).$((gap / 10 % 10))$((gap % 10))"
fi
echo "started $next_id$gap"
exit 0
