# Replaces a service's container. At every moment, either the old container or a healthy new one exists.
set -u
id=${id#sha256:}
program=$(command -v "$engine") || { echo "$engine: not found" >&2; exit 127; }
config=$JIJI_CONFIG
next=$name-next trial=$name-trial old='' phase=start why='' stopping=''
# A signal may arrive before these are known.
name_runs='' user=''

# After a reboot, the old container must come back until the new one has proved itself, and then the new one.
# docker starts an `always` container at boot even if it was stopped before, which it does not with `unless-stopped`.
# podman-restart.service starts all `always` containers and no others. Podman can change the policy of a container since
# version 5.1; for older ones, see `hold_back`.
proven=unless-stopped can_update=true
[ "$engine" != podman ] || proven=always can_update=''
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
# Tells jiji what this script does if it is stopped from now on.
stage() { phase=$1; echo "jiji stage $1" >&2; }

# The TCP ports of the container that are published.
tcp='' count=0
for word; do
  [ "$count" -lt "$publishing" ] || break
  count=$((count + 1))
  case $word in --publish | */udp | */sctp) ;; *) word=${word%/tcp} tcp="$tcp ${word##*:}" ;; esac
done

# Child processes must not inherit the locks below: a container's monitor would hold them as long as the container runs.
e() { "$program" "$@" 7<&- 8<&- 9<&-; }
quiet() { e "$@" >/dev/null 2>&1; }
# The shell runs traps only after a foreground program has exited, so sleep in the background.
nap() { sleep "$1" 7<&- 9<&- & wait $!; }

# Only `create` gets the secrets in its environment, so that their names cannot affect the rest of this script.
create() {
  (
    set -- "$program" create --name "$@"
    JIJI_I=0
    for JIJI_NAME in $JIJI_NAMES; do
      eval "export $JIJI_NAME=\"\$JIJI_SECRET_$JIJI_I\""
      JIJI_I=$((JIJI_I + 1))
    done
    exec "$@" 7<&- 9<&- <<END
jiji.config=$JIJI_CONFIG
jiji.parts=$JIJI_PARTS
jiji.run=${JIJI_RUN_ID:-}
jiji.by=${JIJI_BY:-}
END
  )
}
create_trial() { shift "$publishing"; create "$trial" --restart no --label-file /dev/stdin "$@"; }
create_next() {
  unproven=always
  ! updates || unproven=no
  create "$next" --restart "$unproven" --label-file /dev/stdin "$@"
}

# Podman 4 cannot change policies, so both containers have `always`. But it writes a container's config.json before each
# start, and does not start the container if it cannot. (`saveSpec` in its libpod/container_internal.go.) So that file of
# the new container is a symbolic link into a folder that a reboot removes. Once the link is gone, nothing special is left.
# The folder is made first: a reboot between `create` and `hold_back` starts both containers.
volatile='' next_json=''
before_create() {
  if [ -n "$old" ] && ! updates; then volatile=$(mktemp -d "$run_root/jiji-XXXXXX" 2>/dev/null) || volatile=''; fi
}
hold_back() {
  [ -n "$volatile" ] || return 0
  next_json=${name_json%"/$old/"*}/$next_id/userdata/config.json
  ln -s "$volatile/config.json" "$next_json" 2>/dev/null || rmdir "$volatile"
}
# Whether a reboot starts the container with the service's name.
is_proven() { [ "$name_policy" = "$proven" ] && [ ! -L "$name_json" ]; }
prove() {
  [ ! -L "$name_json" ] || { cp "$name_json" "$name_json.jiji" && mv -f "$name_json.jiji" "$name_json"; } || return
  [ "$name_policy" = "$proven" ] || policy "$proven" "$name_id"
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
    case $strategy in
      beside) policy "$proven" "$next" ;;
      trial) policy "$proven" "$next" "$old" ;;
      stop) policy "$proven" "$old" "$next" ;;
    esac
  fi
}

# Reads the state of the containers with the three names; missing ones are skipped. `.State.Running` would also be true of
# a container that is paused, or that docker is about to restart. The format must use `.ID`, not `.Id`: for a field that
# exists only in the JSON, `docker` falls back to the raw JSON, which has no `.Health` for a container without a health check.
survey() {
  name_id='' name_runs='' name_state='' name_digest='' name_config='' name_policy='' name_json='' run_root='' next_id='' next_runs='' trial_id='' foreign=''
  # Only podman has these fields.
  files='|'
  [ "$engine" != podman ] || files='{{.StaticDir}}|{{.PidFile}}'
  found=$(e inspect --type container --format '{{.Name}}|{{.ID}}|{{.State.Status}} {{with .State.Health}}{{.Status}}{{end}}|{{index .Config.Labels "jiji.project"}}|{{index .Config.Labels "jiji.service"}}|{{index .Config.Labels "jiji.digest"}}|{{index .Config.Labels "jiji.config"}}|{{.HostConfig.RestartPolicy.Name}}|'"$files" "$name" "$next" "$trial" 2>/dev/null)
  while IFS='|' read -r each id_ state_ project_ service_ digest_ config_ policy_ static_ pid_; do
    each=${each#/} runs=false
    case $state_ in 'running '*) runs=true ;; esac
    case $each in
      "$name")
        name_id=$id_ name_runs=$runs name_state=$state_
        name_digest=$digest_ name_config=$config_ name_policy=$policy_
        name_json=$static_/config.json run_root=${pid_%/*"/$id_/"*}
        ;;
      "$next") next_id=$id_ next_runs=$runs ;;
      "$trial") trial_id=$id_ ;;
      *) continue ;;
    esac
    [ "$project_" = "$project" ] && [ "$service_" = "$service" ] || foreign=${foreign:-$each}
  done <<END
$found
END
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
  while read -r _ address _ state _; do
    [ "$state" = 0A ] || continue
    port=$((0x${address##*:}))
    case ${address%:*} in
      # 127.0.0.0/8, ::1 and ::ffff:127.0.0.0/104: published ports lead to another address of the container.
      ??????7F | 00000000000000000000000001000000 | 0000000000000000FFFF0000??????7F) loopback="$loopback$port " ;;
      *) case $open in *" $port "*) ;; *) open="$open$port " elsewhere="$elsewhere${elsewhere:+, }$port" ;; esac ;;
    esac
  done <<END
$sockets
END
  for port in $tcp; do
    case $open in *" $port "*) ;; *) missing="$missing${missing:+, }$port" ;; esac
  done
  [ -n "$missing" ] || return 0
  for port in $tcp; do
    case $loopback in *" $port "*) elsewhere="$elsewhere${elsewhere:+, }$port of 127.0.0.1" ;; esac
  done
  return 1
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
    case $now in
      'running 0 healthy') ! listens "$pid" || return 0 ;;
      'running 0 ')
        if [ "$2" != 0 ] && [ -z "$settled" ]; then
          nap "$2"
          settled=yes
          continue
        fi
        ! listens "$pid" || return 0
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
      [ -z "$missing" ] || why="accepts no connections on port $missing after $limit s; it listens on ${elsewhere:-no port}"
      return 1
    fi
    if [ "$engine" = podman ]; then
      case $now in
        *' ') ;;
        *) ! check "$1" || ! listens "$pid" || return 0 ;;
      esac
      nap 1
    else
      nap 0.2
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
      ! quiet start "$old" || { kept=true; policy "$proven" "$old"; }
      ;;
  esac
}
# 10: the old container runs; 13: nothing runs.
exit_undone() { undo; [ "$kept" = true ] && exit 10; exit 13; }
unhealthy() {
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
give_up() { undo; exit 1; }

trap '' PIPE
trap 'undo; exit 143' TERM INT HUP

# Only one replacement of a container runs at a time, for all users of this server. The kernel frees the lock when this
# script exits, however that happens. All files are in /tmp, since every user can write there.
lock=/tmp/jiji-$name.lock by=/tmp/jiji-$name.by
take_lock() {
  # Create only a missing file: in a sticky folder, the kernel may forbid to open another user's file for creation.
  [ -e "$lock" ] || (umask 022; set -C; : >"$lock") 2>/dev/null
  # Without `command`, the shell would exit if the file disappears in between.
  [ -f "$lock" ] && [ ! -L "$lock" ] && command exec 9<"$lock" || return
  # Its last holder may have removed the file.
  flock -n 9 && [ "$lock" -ef "/proc/$$/fd/9" ] && return
  exec 9<&-
  return 1
}
# Says who holds the lock, for those who wait. A holder locks its own file, so an unlocked one is left over from a script
# that was killed. One file for each user, since others cannot write to it.
announce() {
  user=$(id -u) since=$(date -u '+%Y-%m-%d %H:%M:%S UTC')
  new=/tmp/jiji-$name.new.$user
  rm -f "$new"
  (umask 022; set -C; printf '%s, since %s\n' "${JIJI_RUN:-unknown}" "$since" >"$new") 2>/dev/null || return 0
  # Another user may hold a lock on it, to make this wait.
  command exec 7<"$new" && flock -n 7 && mv -f "$new" "$by.$user" 2>/dev/null || rm -f "$new"
}
holder() {
  for file in "$by".*; do
    [ -f "$file" ] && [ ! -L "$file" ] || continue
    ! (flock -n -s 7) 7<"$file" 2>/dev/null || continue
    echo ": $(head -c 400 "$file" 2>/dev/null | head -n 1)"
    return
  done
}
if command -v flock >/dev/null 2>&1; then
  deadline=$(($(date +%s) + 600)) naps=0
  # Poll, because busybox's flock has no -w.
  until take_lock; do
    [ "$(date +%s)" -lt "$deadline" ] || { echo "busy $name$(holder)"; exit 12; }
    naps=$((naps + 1))
    [ "$naps" != 10 ] || echo "waiting for another deploy of $name to finish$(holder)" >&2
    nap 0.2
  done
  trap 'rm -f "$by.$user" "$lock" 2>/dev/null' EXIT
  announce
fi

# Names alone do not tell whose a container is: project shop-web with service next has the same as a new container of
# project shop and service web.
survey
[ -z "$foreign" ] || { echo "foreign $foreign"; exit 11; }

# Clean up after an interrupted deploy. Remove its trial container. Keep its new container only if the old one is not running.
[ -z "$trial_id" ] || quiet rm --force "$trial_id"
if [ "$name_runs" != true ] && [ "$next_runs" = true ]; then
  [ -z "$name_id" ] || quiet rm --force "$name_id"
  e rename "$next" "$name" || exit 1
  survey
elif [ -n "$next_id" ]; then
  quiet rm --force "$next_id"
fi
trial_id='' next_id=''

# An interrupted deploy or a reboot may have left another restart policy. Podman 4 needs a new container.
repaired=true
[ "$name_runs" != true ] || is_proven || prove || repaired=false

if [ "$name_digest" = "$digest" ] && [ "$name_config" = "$config" ]; then
  case $name_state in
    'running unhealthy') ;;
    'running '*) [ "$engine" = podman ] && [ "$repaired" = false ] || { echo "unchanged $name_id"; exit 0; } ;;
  esac
fi
# Podman cannot stop a paused container, and docker can only kill it.
case $name_state in 'paused '*) ! quiet unpause "$name_id" || name_runs=true ;; esac
old=$name_id
[ -n "$old" ] || strategy=beside

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
  [ "$engine" = podman ] || policy always "$old"
  # In the background, because it takes as long as the container takes to stop. Quietly, because podman warns when a
  # container ignores SIGTERM: if the connection is lost, that would kill podman and leave the container half stopped.
  # `stopping` is set first, because a signal may arrive at once.
  stopping=yes
  quiet stop "$old" &
  wait $! && stopping='' || { stopping=''; e stop "$old" >/dev/null || give_up; }
fi
e start "$next" >/dev/null || unstarted
ready "$next" "$settle" || unhealthy "$next"

# The new container now serves requests. Finish the cleanup even if interrupted.
trap '' TERM INT HUP
stage tidy
hand_over || {
  # Some engines cannot change a running container.
  quiet stop "$next"
  policy "$proven" "$next" || echo "$engine cannot set the restart policy of $name: it does not start again after a reboot" >&2
  e start "$next" >/dev/null || { phase=switch; unstarted; }
}
if [ -n "$old" ]; then
  quiet stop "$old"
  quiet rm --force "$old"
fi
e rename "$next" "$name" || exit 1
echo "started $next_id"
exit 0
