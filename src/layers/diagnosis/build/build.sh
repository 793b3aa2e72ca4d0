# Builds an empty image and removes it.
set -u
trap 'exit 143' TERM INT HUP
[ -z "$platform" ] || set -- --platform "$platform"
[ -n "$platform" ] || set --
[ "$engine" != podman ] || set -- --format docker "$@"
# Also removes the image if the script is interrupted.
trap '"$engine" rmi --force "localhost/jiji-doctor:$word" >/dev/null 2>&1' EXIT
printf 'FROM scratch\nLABEL jiji.doctor=%s\n' "$word" | "$engine" build "$@" --tag "localhost/jiji-doctor:$word" - >&2 &
wait $!
