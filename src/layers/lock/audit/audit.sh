# Adds an entry to the audit of a project on a server, or prints the last lines of all users' files, each after the name of
# the user who wrote it. With touch=yes, shows that a run still holds the lock.
set -u
[ "$touch" != yes ] || ! is_own "$base.by.$me" || touch -c "$base.by.$me" 2>/dev/null
[ -z "${JIJI_ENTRY:-}" ] || append "$JIJI_ENTRY"
[ "$lines" != 0 ] || exit 0
for file in $(files audit); do
  user=$(stat -c %U "$file" 2>/dev/null | tr -cd 'A-Za-z0-9._-')
  tail -c 2000000 "$file" | tail -n "$lines" | sed "s/^/entry ${user:-unknown} /"
done
running=$(holder)
[ -z "$running" ] || printf '%s\n' "run $(date +%s) $running"
