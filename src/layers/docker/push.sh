# Pushes an image. Podman's digest is printed by itself: it is another one than podman knows the image by, because layers
# are compressed on their way.
# Arguments: engine, image, whether TLS is verified (as podman decides, where nothing), whether bytes are to be told,
# registry and user to log in with (or nothing).
# JIJI_PASSWORD holds the password, where there is a login.
set -u
export engine=$1 image=$2 verify=$3 apart=
told=$4 registry=$5 user=$6
[ -z "$registry" ] || own_login "$engine" "$registry" "$user"

# In the background, because a trap waits for a program in the foreground.
if [ "$engine" != podman ]; then
  on_terminal 'exec $apart "$engine" push "$image" 2>&9 9>&-' &
  wait $!
  exit
fi
file=$(mktemp) || exit 1
trap 'rm -rf "$file" "${own:-}"' EXIT
trap 'exit 143' TERM INT HUP
export file
on_terminal 'exec $apart podman push ${verify:+--tls-verify="$verify"} --digestfile "$file" "$image" 9>&-' >&2 &
wait $! || exit
cat "$file"
