# Replaces the container of a service, so that at every moment either the old one or a healthy new one is there.
# Arguments: engine, container name, project, image digest, configuration hash, how to replace, seconds that a
# container without a health check must run, seconds that it may take to be healthy, image to run, its id, repository
# and number of versions to keep; then the number of words that publish ports, these words, and the other words of
# `create`. JIJI_NAMES lists the secrets of the container, JIJI_SECRET_0 and so on hold their values.
set -u
engine=$1 name=$2 project=$3 digest=$4 config=$5 how=$6 settle=$7 limit=$8
shift 8
image=$1 id=${2#sha256:} repository=$3 retain=$4
shift 4
program=$(command -v "$engine") || { echo "$engine: not found" >&2; exit 127; }
next=$name-next trial=$name-trial old='' phase=start why=''

# No child inherits the locks below: a container's monitor would hold it for as long as the container lives.
e() { "$program" "$@" 8<&- 9<&-; }
quiet() { e "$@" >/dev/null 2>&1; }
# A trap waits for a program in the foreground, but not for one in the background.
nap() { sleep "$1" 9<&- & wait $!; }

# Secrets are in the environment of `create` alone, so that their names cannot disturb anything else here.
create() {
  (
    set -- "$program" create --name "$@"
    JIJI_I=0
    for JIJI_NAME in $JIJI_NAMES; do
      eval "export $JIJI_NAME=\"\$JIJI_SECRET_$JIJI_I\""
      JIJI_I=$((JIJI_I + 1))
    done
    exec "$@" 9<&-
  )
}
create_trial() { shift "$(($1 + 1))"; create "$trial" "$@"; }
create_next() { shift; create "$next" "$@"; }

# What there is under the three names, a line each; those that are not there are passed over. It is `.ID` here: with a
# name that only the JSON has, `docker` reads the JSON itself, in which a container without health check has no `.Health`.
survey() {
  name_id='' name_runs='' name_state='' name_project='' name_digest='' name_config='' next_id='' next_runs='' trial_id=''
  found=$(e inspect --type container --format '{{.Name}}|{{.ID}}|{{.State.Running}}|{{.State.Status}} {{with .State.Health}}{{.Status}}{{end}}|{{index .Config.Labels "jiji.project"}}|{{index .Config.Labels "jiji.digest"}}|{{index .Config.Labels "jiji.config"}}' "$name" "$next" "$trial" 2>/dev/null)
  while IFS='|' read -r each id_ runs state_ project_ digest_ config_; do
    case ${each#/} in
      "$name")
        name_id=$id_ name_runs=$runs name_state=$state_
        name_project=$project_ name_digest=$digest_ name_config=$config_
        ;;
      "$next") next_id=$id_ next_runs=$runs ;;
      "$trial") trial_id=$id_ ;;
    esac
  done <<END
$found
END
}

# Waits until a container is healthy; sets `why` where it does not come to that.
ready() { # container, seconds that it must run where it has no health check
  deadline=$(($(date +%s) + limit)) settled=''
  while :; do
    now=$(e inspect --type container --format '{{.Image}} {{.State.Status}} {{.RestartCount}} {{with .State.Health}}{{.Status}}{{end}}' "$1" 2>/dev/null)
    [ -n "$now" ] || { why='was removed by somebody else'; return 1; }
    made=${now%% *} now=${now#* }
    [ "${made#sha256:}" = "$id" ] || { why="has another image than $image had when it was pulled"; return 1; }
    case $now in
      'running 0 healthy') return 0 ;;
      'running 0 ')
        [ "$2" != 0 ] && [ -z "$settled" ] || return 0
        nap "$2"
        settled=yes
        continue
        ;;
      'running 0 starting') ;;
      'running 0 unhealthy')
        # Without systemd, podman runs no health check by itself, and one that is run here counts at once.
        [ "$engine" = podman ] || { why='is unhealthy'; return 1; }
        ;;
      'running '* | 'restarting '*) why='crashed and was restarted'; return 1 ;;
      *) why="stopped with exit code $(e inspect --type container --format '{{.State.ExitCode}}' "$1")"; return 1 ;;
    esac
    [ "$(date +%s)" -lt "$deadline" ] || { why="was not healthy after $limit s"; return 1; }
    if [ "$engine" = podman ]; then
      quiet healthcheck run "$1" && return 0
      nap 1
    else
      nap 0.2
    fi
  done
}

undo() {
  case $phase in
    trial) quiet rm --force "$trial" ;;
    next) quiet rm --force "$next" ;;
    switch)
      quiet rm --force "$next"
      [ -z "$old" ] || quiet start "$old"
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

# One replacement at a time on this server, whoever asks for it. The lock is that of a folder which is always there and
# belongs to this server alone, also where several share a root; it is free again when this script ends, however it ends.
if command -v flock >/dev/null 2>&1; then
  lock=/run
  [ -d "$lock" ] || lock=/
  exec 9<"$lock"
  deadline=$(($(date +%s) + 600)) naps=0
  # Asked again and again, because busybox's flock knows no -w.
  until flock -n 9; do
    [ "$(date +%s)" -lt "$deadline" ] || { echo 'another deploy has held the lock of this server for 10 minutes' >&2; exit 1; }
    naps=$((naps + 1))
    [ "$naps" != 10 ] || echo 'waiting for another deploy on this server' >&2
    nap 0.2
  done
fi

survey
if [ -n "$name_id" ] && [ "$name_project" != "$project" ]; then
  echo "foreign $name"
  exit 11
fi

# What a deploy that was cut off has left: a trial is never of use; a successor is, where nothing else runs.
[ -z "$trial_id" ] || quiet rm --force "$trial"
if [ "$name_runs" != true ] && [ "$next_runs" = true ]; then
  [ -z "$name_id" ] || quiet rm --force "$name"
  e rename "$next" "$name" || exit 1
  survey
elif [ -n "$next_id" ]; then
  quiet rm --force "$next"
fi

if [ "$name_digest" = "$digest" ] && [ "$name_config" = "$config" ]; then
  case $name_state in 'running unhealthy') ;; 'running '*) echo "unchanged $name_id"; exit 0 ;; esac
fi
old=$name_id
[ -n "$old" ] || how=beside

if [ "$how" = trial ]; then
  # The successor shows that it can run before the old one gives up its ports.
  phase=trial
  create_trial "$@" >/dev/null || give_up
  e start "$trial" >/dev/null || give_up
  ready "$trial" "$settle" || unhealthy "$trial"
  quiet rm --force "$trial"
  settle=0
fi

phase=next
next_id=$(create_next "$@") || give_up
if [ "$how" != beside ]; then
  phase=switch
  e stop "$old" >/dev/null || give_up
fi
e start "$next" >/dev/null || give_up
ready "$next" "$settle" || unhealthy "$next"

# From here on the successor serves, and what is left is tidied to the end.
trap '' TERM INT HUP
phase=tidy
if [ -n "$old" ]; then
  quiet stop "$old"
  quiet rm --force "$old"
fi
e rename "$next" "$name" || exit 1
echo "started $next_id"

# Only what jiji built is tidied away: the repository is given for those images alone.
[ -n "$repository" ] || exit 0
# The same lock as for pulls, for the same reason.
if [ "$engine" = podman ] && command -v flock >/dev/null 2>&1; then
  exec 8</tmp
  deadline=$(($(date +%s) + 600))
  until flock -n 8; do
    [ "$(date +%s)" -lt "$deadline" ] || { echo 'old images were kept: other pulls went on for 10 minutes' >&2; exit 0; }
    nap 0.2
  done
fi
kept=''
e image ls --no-trunc --digests --format '{{.ID}} {{.Repository}} {{.Tag}} {{.Digest}}' "$repository" |
  while read -r each from tag sum; do
    # podman lists an image by all its names where one of them is asked for.
    [ "$from" = "$repository" ] || continue
    case " $kept " in
      *" $each "*) continue ;;
    esac
    if [ "$retain" -gt 0 ]; then
      kept="$kept $each" retain=$((retain - 1))
      continue
    fi
    # Both names, as an image stays for as long as it has one. The engine itself refuses where a container still uses it.
    [ "$tag" = '<none>' ] || quiet rmi "$from:$tag"
    [ "$sum" = '<none>' ] || quiet rmi "$from@$sum"
  done
exit 0
