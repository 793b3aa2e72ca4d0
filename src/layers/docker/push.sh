# Pushes an image. With podman, prints the digest: it differs from the local one, because podman compresses layers while
# pushing. Docker's own output contains the digest.
# Arguments: engine; image; whether to verify TLS (true or false), or empty for podman's default; whether to report
# progress (yes or no); registry and user to log in with, or both empty. JIJI_PASSWORD holds the password for the login.
set -u
export engine=$1 image=$2 verify=$3 apart=
progress=$4 registry=$5 user=$6
[ -z "$registry" ] || own_login "$engine" "$registry" "$user"

# In the background, because the shell runs traps only after a foreground program has exited.
if [ "$engine" != podman ]; then
  on_terminal 'exec $apart "$engine" push "$image" 2>&9 9>&-' &
  wait $! || fail_transfer $?
  exit
fi
file=$(mktemp) || exit 1
trap 'rm -rf "$file" "${own:-}"' EXIT
trap 'exit 143' TERM INT HUP
export file
on_terminal 'exec $apart podman push ${verify:+--tls-verify="$verify"} --digestfile "$file" "$image" 9>&-' >&2 &
wait $! || exit
cat "$file"
