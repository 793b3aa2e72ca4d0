# Runs the release command of a service in a container of its own, and removes this container however it ends. Its output
# is that of the command. Lines on stderr that begin with `jiji release` are for jiji.
set -u
program=$(command -v "$engine") || { echo "$engine: not found" >&2; exit 127; }
id='' foreign='' timer=''

# Child processes must not inherit the lock: a container's monitor would hold it as long as the container runs.
e() { "$program" "$@" 9<&-; }
quiet() { e "$@" >/dev/null 2>&1; }
report() { echo "jiji release $*" >&2; }

create() {
  (
    set -- "$program" create --name "$name" "$@"
    export_secrets
    exec "$@" 9<&-
  )
}

# Finds the container with the release's name.
survey() {
  id='' foreign=''
  found=$(e inspect --type container --format '{{index .Config.Labels "jiji.project"}}|{{index .Config.Labels "jiji.service"}}|{{.ID}}' "$name" 2>/dev/null)
  case $found in
    '') ;;
    "$project|$service|"*) id=${found##*|} ;;
    *) foreign=yes ;;
  esac
}
# `stop` lets the command end in its own way. The volumes are those without a name, which nothing else uses.
remove() {
  quiet stop "$id"
  quiet rm --force --volumes "$id"
}
# Only once does not do: until a child process has set its traps, a signal has no effect.
end_timer() {
  [ -n "$timer" ] || return
  while kill "$timer" 2>/dev/null; do nap 0.01; done
  ended=$timer timer=''
  wait "$ended"
}
discard() {
  trap '' TERM INT HUP
  end_timer
  # If `create` was interrupted, the id is unknown.
  survey
  [ -z "$id" ] || remove
  rm -rf "$home"
}
# 20: the command failed. 21: the engine cannot start it.
fail() { # code, reason
  report "$2"
  discard
  exit "$1"
}

trap '' PIPE
trap 'discard; exit 143' TERM INT HUP

# One release of a service at a time, for all users of this server. So a container that is there when this script has the
# lock is left over: its script was killed, or the server rebooted. replace.sh locks in the same way.
lock=/tmp/jiji-$name.lock
if command -v flock >/dev/null 2>&1; then
  deadline=$(($(date +%s) + 600)) naps=0
  until take_lock; do
    # Whoever holds it removes the container itself.
    [ -n "$run" ] || exit 0
    [ "$(date +%s)" -lt "$deadline" ] || { report busy; exit 12; }
    naps=$((naps + 1))
    [ "$naps" != 10 ] || echo "waiting for the release of another deploy of $service to finish" >&2
    nap 0.2
  done
  trap 'rm -f "$lock" 2>/dev/null' EXIT
fi

survey
[ -z "$foreign" ] || { report foreign; exit 11; }
[ -z "$id" ] || remove
[ -n "$run" ] || { rm -rf "$home"; exit 0; }
write_files || { discard; exit 1; }

id=$(create "$@") || { discard; exit 1; }
# The time starts when the command does. Then the engine stops the container, even if this script was killed. 7 says so.
(
  napping=''
  trap '[ -z "$napping" ] || kill "$napping"; exit' TERM
  sleep "$limit" &
  napping=$!
  wait "$napping" || exit
  trap '' TERM
  "$program" stop "$id"
  exit 7
) </dev/null >/dev/null 2>&1 9<&- &
timer=$!
report running
"$program" start --attach "$id" 9<&- &
while :; do
  # The shell runs traps only after a foreground program has exited, so wait for one in the background.
  wait $!
  state=$(e inspect --type container --format '{{.State.Status}}|{{.State.ExitCode}}|{{.State.OOMKilled}}|{{.State.StartedAt}}' "$id") || { discard; exit 1; }
  case $state in 'running|'*) ;; *) break ;; esac
  # The client has lost the engine, and the command's output with it, but not its end.
  "$program" wait "$id" >/dev/null 9<&- &
done
end_timer
[ $? != 7 ] || fail 20 "took longer than $limit s and was stopped"
case $state in
  *'|0001-'*) fail 21 'cannot start' ;;
  *'|0|'*) ;;
  *'|true|'*) fail 20 'ran out of memory' ;;
  *) code=${state#*|}; fail 20 "ended with exit code ${code%%|*}" ;;
esac
discard
exit 0
