# Takes the project's lock on a server, prints `locked`, and holds it until the connection closes, since then this script is
# stopped. The kernel frees the lock when the script exits, however that happens. If the lock is held, prints
#   held run NOW SINCE PAYLOAD              by a run that is still going on
#   held mark NOW SINCE EXPIRES ID PAYLOAD  by `jiji lock`
# once `patience` seconds have passed, and before that `waiting …` with the same words.
set -u
lock=$base.lock by=$base.by.$me

# find_mark: sets `found` to a lock of `jiji lock` that stands in the way.
find_mark() {
  found=''
  all=$(marks)
  [ -n "$all" ] || return 0
  while read -r id since expires who what; do
    [ "$mine" != yes ] || [ "$who" != "$owner" ] || continue
    found="mark $(date +%s) $since $expires $id $what"
    return
  done <<END
$all
END
}

# take: takes the lock. Otherwise sets `found` to who holds it.
take() {
  find_mark
  [ -z "$found" ] || return
  [ "$kernel" = yes ] || return 0
  if take_lock; then
    # Somebody may have run `jiji lock` in between.
    find_mark
    [ -n "$found" ] || return 0
    exec 9<&-
    return 1
  fi
  if [ ! -e "$lock" ]; then kernel=no && echo unwritable && return; fi
  found="run $(date +%s) $(holder)"
  return 1
}

kernel=yes
command -v flock >/dev/null 2>&1 || { kernel=no; echo flockless; }
start=$(date +%s) told=''
until take; do
  now=$(date +%s)
  # A run announces itself just after it has taken the lock.
  case $found in "run $now "?* | mark*) least=0 ;; *) least=2 ;; esac
  [ $((now - start)) -lt "$patience" ] || [ $((now - start)) -lt "$least" ] || { printf '%s\n' "held $found"; exit 0; }
  whom=${found#* * }
  if [ "$whom" != "$told" ] && [ "$least" = 0 ]; then printf '%s\n' "waiting $found" && told=$whom; fi
  nap 0.3
done

trap 'exit 0' TERM INT HUP
trap 'rm -f "$by" "$lock" 2>/dev/null' EXIT
if [ "$kernel" = yes ]; then
  new=$base.new.$me
  rm -f "$new"
  if (umask 022; set -C; printf '%s %s\n' "$(date +%s)" "$payload" >"$new") 2>/dev/null; then
    # Another user may hold a lock on it, to make this wait.
    command exec 7<"$new" && flock -n 7 && mv -f "$new" "$by" 2>/dev/null || rm -f "$new"
  fi
fi
echo locked
# jiji touches the file while it is there. The server may not notice for a long time that a machine has lost its network.
while nap 5; do
  [ "$kernel" = yes ] && at=$(stat -c %Y "$by" 2>/dev/null) || continue
  [ $(($(date +%s) - at)) -le "$lease" ] || { echo expired; exit 0; }
done
