# Pushes an image. Podman's digest is printed by itself: it is another one than podman knows the image by, because layers
# are compressed on their way.
# Arguments: engine, image, registry and user to log in with (or nothing), false where TLS is not verified.
# JIJI_PASSWORD holds the password, where there is a login.
set -u
[ -z "$3" ] || own_login "$1" "$3" "$4"

# In the background, because a trap waits for a program in the foreground.
if [ "$1" != podman ]; then
  "$1" push "$2" &
  wait $!
  exit
fi
file=$(mktemp) || exit 1
trap 'rm -rf "$file" "${own:-}"' EXIT
trap 'exit 143' TERM INT HUP
podman push ${5:+--tls-verify="$5"} --digestfile "$file" "$2" >&2 &
wait $! || exit
cat "$file"
