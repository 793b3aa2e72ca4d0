# Runs the command of a hook in the project's folder. Arguments: the folder, then the words of the command. The event is
# on stdin, and in the variables that start with JIJI_.
cd "$1" || exit 1
shift

# Checked here, since the shell's own message would name a line of this script.
fail() {
  printf '%s %s\n' "$2" "$3" >&2
  exit "$1"
}
case $1 in
*/*)
  [ -e "$1" ] || fail 127 "$1" "does not exist"
  [ -f "$1" ] && [ -x "$1" ] || fail 126 "$1" "is not executable (chmod +x)"
  ;;
*) command -v -- "$1" >/dev/null || fail 127 "$1" "is not in PATH" ;;
esac
exec "$@"
