# The shell runs traps only after a foreground program has exited, so sleep in the background.
nap() { sleep "$1" 7<&- 9<&- & wait $!; }

# Only one script changes a container at a time, for all users of this server. The kernel frees the lock when the script
# exits, however that happens. All files are in /tmp, since every user can write there.
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
  user=$uid since=$(date -u '+%Y-%m-%d %H:%M:%S UTC')
  new=/tmp/jiji-$name.new.$user
  replacement "$new" "${JIJI_RUN:-unknown}, since $since" || return 0
  # Another user may hold a lock on it, to make this wait. If there was a folder at the path, the file would be moved into it.
  command exec 7<"$new" && flock -n 7 && own_file "$by.$user" && mv -f "$new" "$by.$user" 2>/dev/null || rm -f "$new"
}
holder() {
  for file in "$by".*; do
    [ -f "$file" ] && [ ! -L "$file" ] || continue
    ! (flock -n -s 7) 7<"$file" 2>/dev/null || continue
    echo ": $(head -c 400 "$file" 2>/dev/null | head -n 1)"
    return
  done
}
# take_turn: waits until no other script changes the container called $name. Exits with 12 if that takes too long.
take_turn() {
  command -v flock >/dev/null 2>&1 || return 0
  lock=/tmp/jiji-$name.lock by=/tmp/jiji-$name.by
  deadline='' naps=0
  # Poll, because busybox's flock has no -w.
  until take_lock; do
    [ -n "$deadline" ] || deadline=$(($(date +%s) + 600))
    [ "$(date +%s)" -lt "$deadline" ] || { echo "busy $name$(holder)"; exit 12; }
    naps=$((naps + 1))
    [ "$naps" != 10 ] || echo "waiting for another deploy of $name to finish$(holder)" >&2
    nap 0.2
  done
  trap 'rm -f "$by.$user" "$lock" 2>/dev/null' EXIT
  announce
}

