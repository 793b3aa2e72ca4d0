# Runs the command of a hook in the project's folder. Arguments: the folder, and the command's words. The event is on
# stdin, and told by the variables that begin with JIJI_.
cd "$1" || exit 1
shift
# What a shell says of it would name a line of this script.
case $1 in
*/*) [ -f "$1" ] && [ -x "$1" ] || why="is not there, or may not be run (chmod +x)" ;;
*) command -v -- "$1" >/dev/null || why="is in no folder of PATH" ;;
esac
if [ -n "${why-}" ]; then
  printf '%s %s\n' "$1" "$why" >&2
  exit 127
fi
exec "$@"
