# Pushes an image with podman, and prints the digest that the registry knows it by. It is another one than podman knows,
# because layers are compressed on their way.
# Arguments: the image.
set -u
file=$(mktemp) || exit 1
trap 'rm -f "$file"' EXIT
trap 'exit 143' TERM INT HUP
podman push --digestfile "$file" "$1" >&2 || exit
cat "$file"
