# Watches over a session of `jiji exec` in a container, and ends its processes there if it is cut off. With fresh=yes, it
# creates the container first, and removes it afterwards, however the session ends. The words are those of `create`.
# Prints `ready` and the container's id.
set -u
program=$(command -v "$engine") || { echo "$engine: not found" >&2; exit 127; }
id=$container
# Child processes must not inherit the connection.
e() { "$program" "$@" </dev/null 3<&-; }
quiet() { e "$@" >/dev/null 2>&1; }

# Only root, and with rootless engines their user, may signal processes of containers. Others ask the engine.
inside='for each in $(grep -ls "JIJI_EXEC=$1" /proc/[0-9]*/environ 2>/dev/null); do each=${each#/proc/} && kill "-$2" "${each%/environ}" && code=0; done 2>/dev/null; exit ${code:-1}'
signal_all() {
  tagged "$1" && found=0 || found=1
  [ -n "$fresh" ] || [ "$(id -u)" = 0 ] || ! quiet exec "$id" sh -c "$inside" sh "$tag" "$1" || found=0
  return $found
}
create() {
  (
    set -- "$program" create --name "$name" "$@"
    export_secrets
    exec "$@" </dev/null 3<&-
  )
}
remove() {
  # The name, because the id is unknown if `create` was interrupted. The engine may be removing it already.
  quiet rm --force --volumes "$name"
  [ -z "$name" ] || rm -rf "$home"
}
# A command that runs as process 1 gets a moment to end in its own way.
cut_off() {
  trap '' TERM INT HUP
  if [ -n "$fresh" ]; then
    [ "$terminal" = yes ] || quiet stop --time 5 "$name"
    remove
  else
    hang_up
  fi
}

trap '' PIPE
trap 'cut_off; exit 143' TERM INT HUP
if [ -n "$fresh" ]; then
  write_files || { remove; exit 1; }
  id=$(create "$@") || { code=$?; remove; exit $code; }
fi
echo "ready $id"
if wait_for_end; then
  [ -z "$fresh" ] || remove
else
  cut_off
fi
exit 0
