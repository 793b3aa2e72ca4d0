# Pulls an image, tags it with the name under which it runs, and prints its JSON.
set -u
export engine from apart= tls=true
[ "$verify" = yes ] || tls=false

[ -z "$registry" ] || own_login "$engine" "$registry" "$user"

# When two podman processes tag the same image at the same time, one tag gets lost. This lock on a folder prevents that. It
# is released when this script exits. No child process inherits it, because rootless podman leaves one running.
if [ "$engine" = podman ] && command -v flock >/dev/null 2>&1; then
  exec 8</tmp
  # A pull holds the lock until it is done, and connections can be slow. So the time limit is long.
  deadline=$(($(date +%s) + 3600)) naps=0
  until flock -n 8; do
    [ "$(date +%s)" -lt "$deadline" ] || { echo 'gave up after 1 hour: other pulls on this server did not finish' >&2; exit 1; }
    naps=$((naps + 1))
    # Say so every minute, or jiji would give up.
    [ "$((naps % 300))" != 10 ] || echo 'waiting for another pull on this server to finish' >&2
    sleep 0.2
  done
fi

# In the background, because the shell runs traps only after a foreground program has exited.
case $engine in
  podman) line='exec $apart podman pull --tls-verify="$tls" "$from" 9>&-' ;;
  *) line='exec $apart "$engine" pull "$from" 2>&9 9>&-' ;;
esac
on_terminal "$line" >&2 8<&- &
wait $! || fail_transfer $?
"$engine" image inspect "$from" 8<&- || exit
[ -z "$name" ] || "$engine" tag "$from" "$name" 8<&- || exit
[ "$drop" != yes ] || "$engine" rmi "$from" >/dev/null 2>&1 8<&- || true
