# Builds the smallest image there is, and removes it.
# Arguments: the engine; the platform, or nothing; a word that no other image has.
set -u
engine=$1 platform=$2 word=$3
trap 'exit 143' TERM INT HUP
[ -z "$platform" ] || set -- --platform "$platform"
[ -n "$platform" ] || set --
[ "$engine" != podman ] || set -- --format docker "$@"
# Where it is ended in between, this takes the image away all the same.
trap '"$engine" rmi --force "localhost/jiji-doctor:$word" >/dev/null 2>&1' EXIT
printf 'FROM scratch\nLABEL jiji.doctor=%s\n' "$word" | "$engine" build "$@" --tag "localhost/jiji-doctor:$word" - >&2 &
wait $!
