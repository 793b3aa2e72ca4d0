# Pushes an image. With podman, prints the digest: it differs from the local one, because podman compresses layers while
# pushing. Docker's own output contains the digest.
set -u
export engine image apart= tls=
[ "$insecure" != yes ] || tls=--tls-verify=false
progress=yes
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
on_terminal 'exec $apart podman push $tls --digestfile "$file" "$image" 9>&-' >&2 &
wait $! || exit
cat "$file"
