# Pushes an index of images, and prints its digest. Docker takes the images from the registry, podman from this machine.
set -u
[ -z "$registry" ] || own_login "$engine" "$registry" "$user"
if [ "$engine" != podman ]; then
  flag=
  [ "$insecure" != yes ] || flag=--insecure
  # Docker keeps a list of this name until it is pushed, and would add to one that an interrupted push has left.
  "$engine" manifest rm "$image" >/dev/null 2>&1
  # In the background, because the shell runs traps only after a foreground program has exited.
  "$engine" manifest create $flag "$image" "$@" >&2 &
  wait $! || exit
  "$engine" manifest push --purge $flag "$image" &
  wait $!
  exit
fi
tls=
[ "$insecure" != yes ] || tls=--tls-verify=false
list=localhost/jiji-index-$$
file=$(mktemp) || exit 1
trap 'podman manifest rm "$list" >/dev/null 2>&1; rm -rf "$file" "${own:-}"' EXIT
trap 'exit 143' TERM INT HUP
podman manifest create "$list" >/dev/null || exit
for each in "$@"; do
  podman manifest add "$list" "containers-storage:$each" >/dev/null || exit
done
# In podman's own format the images would have other digests, and no HEALTHCHECK.
podman manifest push --all --format v2s2 $tls --digestfile "$file" "$list" "docker://$image" >&2 &
wait $! || exit
cat "$file"
