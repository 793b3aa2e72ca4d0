# Runs the command of a hook in the project's folder. Arguments: the folder, and the command's words. The event is on
# stdin, and told by the variables that begin with JIJI_.
cd "$1" || exit 1
shift
exec "$@"
