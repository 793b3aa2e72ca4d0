# Files in folders that all users can write to. Another user may have put something at the path of a file first.
# These run many times in a deploy, so they start as few programs as possible.
uid=$(id -u)

is_missing() { [ ! -e "$1" ] && [ ! -L "$1" ]; }
# is_own FILE: succeeds if it is a regular file of this user. Looks at the owner first: nobody else can replace what this user
# owns in a sticky folder.
is_own() {
  [ "$(stat -c %u "$1" 2>/dev/null)" = "$uid" ] && [ -f "$1" ] && [ ! -L "$1" ]
}
# claim FILE: removes a link, a folder, or another user's file. Fails if the kernel forbids that.
claim() {
  if is_missing "$1" || is_own "$1"; then return; fi
  # A folder with files is moved away: busybox's rm -r can be led elsewhere by the folder's owner.
  rm -f "$1" || rmdir "$1" || { aside=$(mktemp -d "$1.XXXXXX") && { mv -f "$1" "$aside/" || rmdir "$aside"; }; }
  is_missing "$1"
} 2>/dev/null
# own_file FILE: claims it, and creates it if necessary.
own_file() {
  is_missing "$1" || ! is_own "$1" || return 0
  claim "$1" || return
  [ -e "$1" ] || (umask 022; set -C; : >"$1") 2>/dev/null
  is_own "$1"
}
# replacement FILE TEXT: writes a file that is then moved to its place.
replacement() {
  claim "$1" && { is_missing "$1" || rm -f "$1"; } && (umask 022; set -C; printf '%s\n' "$2" >"$1") 2>/dev/null && is_own "$1"
}
