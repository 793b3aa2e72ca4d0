# Replaces the container of a service, so that at every moment either the old one or a healthy new one is there.
# Arguments: engine, container name, project, service, image digest, configuration hash, how to replace, seconds that a
# container without a health check must run, seconds that it may take to be healthy, image to run, its id, repository
# and number of versions to keep; then the number of words that publish ports, these words, and the other words of
# `create`. JIJI_NAMES lists the secrets of the container, JIJI_SECRET_0 and so on hold their values.
set -u
engine=$1 name=$2 project=$3 service=$4 digest=$5 config=$6 how=$7 settle=$8 limit=$9
shift 9
image=$1 id=${2#sha256:} repository=$3 retain=$4
shift 4
program=$(command -v "$engine") || { echo "$engine: not found" >&2; exit 127; }
next=$name-next trial=$name-trial old='' phase=start why=''

# No child inherits the lock below: a container's monitor would hold it for as long as the container lives.
e() { "$program" "$@" 9<&-; }
quiet() { e "$@" >/dev/null 2>&1; }

# Secrets are in the environment of `create` alone, so that their names cannot disturb anything else here.
create() {
  (
    i=0
    for key in $JIJI_NAMES; do
      eval "export $key=\"\$JIJI_SECRET_$i\""
      i=$((i + 1))
    done
    exec "$program" create --name "$@" 9<&- >/dev/null
  )
}
create_trial() { shift "$(($1 + 1))"; create "$trial" "$@"; }
create_next() { shift; create "$next" "$@"; }

label() { e inspect --type container --format "{{index .Config.Labels \"jiji.$2\"}}" "$1" 2>/dev/null; }
running() { [ "$(e inspect --type container --format '{{.State.Running}}' "$1" 2>/dev/null)" = true ]; }
state() {
  e inspect --type container \
    --format '{{.State.Status}} {{.RestartCount}} {{with .State.Health}}{{.Status}}{{end}}' "$1" 2>/dev/null
}
identity() { e inspect --type container --format '{{.Id}}' "$1"; }

# Waits until a container is healthy; sets `why` where it does not come to that.
ready() {
  until=$(($(date +%s) + limit))
  while :; do
    now=$(state "$1")
    case $now in
      'running 0 healthy') return 0 ;;
      'running 0 ')
        sleep "$2"
        now=$(state "$1")
        [ "$now" = 'running 0 ' ] && return 0
        why="did not stay up for $2 s"
        return 1
        ;;
      'running 0 starting') ;;
      'running 0 unhealthy')
        # Without systemd, podman runs no health check by itself, and one that is run here counts at once.
        [ "$engine" = podman ] || { why='is unhealthy'; return 1; }
        ;;
      'running '*) why='crashed and was restarted'; return 1 ;;
      *) why="stopped with exit code $(e inspect --type container --format '{{.State.ExitCode}}' "$1")"; return 1 ;;
    esac
    [ "$(date +%s)" -lt "$until" ] || { why="was not healthy after $limit s"; return 1; }
    if [ "$engine" = podman ]; then
      quiet healthcheck run "$1" && return 0
      sleep 1
    else
      sleep 0.2
    fi
  done
}

# shellcheck disable=SC2086 # $old is a list of ids
undo() {
  case $phase in
    trial) quiet rm --force "$trial" ;;
    next) quiet rm --force "$next" ;;
    switch)
      quiet rm --force "$next"
      [ -z "$old" ] || quiet start $old
      ;;
  esac
}
unhealthy() {
  echo "unhealthy $why"
  e logs --tail 20 "$1" 2>&1
  undo
  exit 10
}
give_up() { undo; exit 1; }

trap '' PIPE
trap 'undo; exit 143' TERM INT HUP

# One replacement at a time on this server, whoever asks for it. The lock is the root folder's: always there, and free
# again when this script ends, however it ends.
if command -v flock >/dev/null 2>&1; then
  exec 9</
  flock -w 600 9 || { echo 'another deploy has held the lock of this server for 10 minutes' >&2; exit 1; }
fi

if e inspect --type container "$name" >/dev/null 2>&1 && [ "$(label "$name" project)" != "$project" ]; then
  echo "foreign $name"
  exit 11
fi

# What a deploy that was cut off has left: a trial is never of use; a successor is, where nothing else runs.
quiet rm --force "$trial"
if running "$name" || ! running "$next"; then
  quiet rm --force "$next"
else
  quiet rm --force "$name"
  e rename "$next" "$name" || exit 1
fi

if [ "$(label "$name" digest)" = "$digest" ] && [ "$(label "$name" config)" = "$config" ]; then
  case $(state "$name") in 'running '*unhealthy) ;; 'running '*) echo "unchanged $(identity "$name")"; exit 0 ;; esac
fi

old=$(e ps --all --quiet --no-trunc --filter "label=jiji.project=$project" --filter "label=jiji.service=$service")
[ -n "$old" ] || how=beside

if [ "$how" = trial ]; then
  # The successor shows that it can run before the old one gives up its ports.
  phase=trial
  create_trial "$@" || give_up
  e start "$trial" >/dev/null || give_up
  ready "$trial" "$settle" || unhealthy "$trial"
  quiet rm --force "$trial"
  settle=0
fi

phase=next
create_next "$@" || give_up
made=$(e inspect --type container --format '{{.Image}}' "$next")
[ "${made#sha256:}" = "$id" ] || { echo "$image is not the image that was pulled" >&2; give_up; }
if [ "$how" != beside ]; then
  phase=switch
  e stop $old >/dev/null || give_up
fi
e start "$next" >/dev/null || give_up
ready "$next" "$settle" || unhealthy "$next"

# From here on the successor serves, and what is left is tidied to the end.
trap '' TERM INT HUP
phase=tidy
if [ -n "$old" ]; then
  quiet stop $old
  quiet rm --force $old
fi
e rename "$next" "$name" || exit 1
echo "started $(identity "$name")"

# Only what jiji built is tidied away: the repository is given for those images alone.
[ -n "$repository" ] || exit 0
kept=''
e image ls --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' "$repository" | while read -r each reference; do
  case " $kept " in
    *" $each "*) ;;
    *)
      if [ "$retain" -gt 0 ]; then
        kept="$kept $each" retain=$((retain - 1))
      else
        # The engine itself refuses where a container still uses it.
        quiet rmi "$reference" || true
      fi
      ;;
  esac
done
exit 0
