# Runs the command of a hook in the project's folder. Arguments: the folder, and the command's words. The event is on
# stdin, and told by the variables that begin with JIJI_.
cd "$1" || exit 1
shift

# What a shell says of it would name a line of this script.
no() {
  printf '%s %s\n' "$2" "$3" >&2
  exit "$1"
}
case $1 in
*/*)
  [ -e "$1" ] || no 127 "$1" "is not there"
  [ -f "$1" ] && [ -x "$1" ] || no 126 "$1" "may not be run (chmod +x)"
  ;;
*) command -v -- "$1" >/dev/null || no 127 "$1" "is in no folder of PATH" ;;
esac
exec "$@"
