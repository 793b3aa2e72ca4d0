# Takes the project's lock on a server, prints `locked`, and holds it until the connection closes, since then this script is
# stopped. The kernel frees the lock when the script exits, however that happens. If the lock is held, prints
#   held run NOW SINCE PAYLOAD              by a run that is still going on
#   held mark NOW SINCE EXPIRES ID PAYLOAD  by `jiji lock`
# once `patience` seconds have passed, and before that `waiting …` with the same words. `locked` and a line before `held` have the
# identity of the file whose kernel lock is held: it is the same for two users of one machine, and no user can choose it.
set -u
lock=$base.lock by=$base.by.$me

# find_mark: sets `found` to a lock of `jiji lock` that stands in the way.
find_mark() {
  found=''
  # Usually there are none, and the rest starts several processes.
  for file in "$base.marks".*; do [ ! -f "$file" ] || break; done
  [ -f "$file" ] || return 0
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
  if [ ! -e "$lock" ] && [ ! -L "$lock" ]; then kernel=no && echo unwritable && return; fi
  found="run $(date +%s) $(holder)"
  return 1
}

# identity FILE: prints the boot, the device and the inode of a file.
identity() {
  read -r boot </proc/sys/kernel/random/boot_id && at=$(stat -L -c %d:%i "$1") && printf '%s' "$boot:$at"
} 2>/dev/null

kernel=yes
command -v flock >/dev/null 2>&1 || { kernel=no; echo flockless; }
start='' told=''
until take; do
  now=$(date +%s)
  start=${start:-$now}
  # A run announces itself just after it has taken the lock.
  case $found in "run $now "?* | mark*) least=0 ;; *) least=2 ;; esac
  [ $((now - start)) -lt "$patience" ] || [ $((now - start)) -lt "$least" ] || {
    [ "${found%% *}" != run ] || [ -L "$lock" ] || printf '%s\n' "file $(identity "$lock")"
    printf '%s\n' "held $found"
    exit 0
  }
  whom=${found#* * }
  if [ "$whom" != "$told" ] && [ "$least" = 0 ]; then printf '%s\n' "waiting $found" && told=$whom; fi
  nap 0.3
done

trap 'exit 0' TERM INT HUP
trap 'rm -f "$by" "$lock" 2>/dev/null' EXIT
announced=''
if [ "$kernel" = yes ]; then
  new=$base.new.$me
  if replacement "$new" "$(date +%s) $payload"; then
    # Another user may hold a lock on it, to make this wait.
    command exec 7<"$new" && flock -n 7 && own_file "$by" && mv -f "$new" "$by" 2>/dev/null && announced=yes || rm -f "$new"
  fi
  if [ -z "$announced" ]; then
    # Another user's file may be there. Its time says nothing.
    file=$by
    [ ! -e "$new" ] && [ ! -L "$new" ] || file=$new
    echo "unannounced $file"
  fi
  printf '%s\n' "locked $(identity "/proc/$$/fd/9")"
else
  echo locked
fi
# jiji touches the file while it is there. The server may not notice for a long time that a machine has lost its network.
while nap 5; do
  [ -n "$announced" ] && is_own "$by" && at=$(stat -c %Y "$by" 2>/dev/null) || continue
  [ $(($(date +%s) - at)) -le "$lease" ] || { echo expired; exit 0; }
done
