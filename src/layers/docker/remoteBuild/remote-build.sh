# Builds an image from a context that comes on stdin as a tar archive. The words are the engine's own, with paths of the
# archive. Its files lie in a folder that only this user can read, and no longer than the build takes.
set -u
exec 5<&0 </dev/null
missing() {
  echo "jiji: $1 is not installed" >&2
  exit "$2"
}
command -v "$engine" >/dev/null 2>&1 || missing "$engine" 41
command -v tar >/dev/null 2>&1 || missing tar 42
base=/var/tmp apart='' child='' dir=''
[ -w "$base" ] || base=${TMPDIR:-/tmp}
command -v setsid >/dev/null 2>&1 && apart=setsid

# In a session of its own, so that it goes on if jiji kills what is left of this script. Folders may be read-only.
discard() {
  [ -z "$1" ] || $apart sh -c 'rm -rf "$1" || { chmod -R u+rwX "$1"; rm -rf "$1"; }' sh "$1" 2>/dev/null
}
# A shell runs its traps only after a program in the foreground has exited. One in the background has no stdin of its own.
run() {
  "$@" <&5 5<&- &
  child=$!
  wait "$child"
  code=$?
  child=''
  [ "$code" = 0 ] || exit "$code"
}
children_of() { # pid
  for each in /proc/[0-9]*; do
    stat=$(cat "$each/stat" 2>/dev/null) || continue
    # The command's name is in brackets, and may contain anything. The state and the parent follow.
    stat=${stat##*) }
    stat=${stat#* }
    [ "${stat%% *}" != "$1" ] || echo "${each#/proc/}"
  done
}
# A `podman build` that is killed leaves the process of the current step, and containers. When a step fails, it removes them.
end_steps() { # podman's pid
  for runtime in $(children_of "$1"); do
    kill -KILL $(children_of "$runtime")
  done
}
stop() {
  trap '' TERM INT HUP
  if [ "$engine" = podman ]; then
    naps=0
    while kill -0 "$child" && [ "$naps" -lt 100 ]; do
      end_steps "$child"
      sleep .1
      naps=$((naps + 1))
    done
  fi
  kill "$child"
  wait "$child"
}
# jiji forwards its SSH agent to a socket that sshd may leave behind.
case ${SSH_AUTH_SOCK:-} in /tmp/jiji-agent-*) socket=$SSH_AUTH_SOCK ;; *) socket='' ;; esac
trap '[ -z "$socket" ] || rm -f "$socket"; discard "$dir"' EXIT
trap '[ -z "$child" ] || stop 2>/dev/null; exit 143' TERM INT HUP

# A build that was killed leaves its folder. The name has the process id.
for old in "$base"/jiji-build-*-*; do
  [ -d "$old" ] && [ ! -L "$old" ] && [ -O "$old" ] || continue
  pid=${old#"$base"/jiji-build-}
  kill -0 "${pid%%-*}" 2>/dev/null || discard "$old"
done

mask=$(umask)
umask 077
dir=$(mktemp -d "$base/jiji-build-$$-XXXXXX") || exit
cd "$dir" || exit
run tar -x -p -f -
exec 5</dev/null
umask "$mask"
run "$@"
