# Pulls an image and gives it the name that it is run under.
# Arguments: engine, reference to pull, name to give (or nothing), whether TLS is verified, whether the pulled
# reference is dropped afterwards, whether bytes are to be told, registry and user to log in with (or nothing).
# JIJI_PASSWORD holds the password, where there is a login.
set -u
export engine=$1 from=$2 verify=$4 apart=
name=$3 drop=$5 told=$6 registry=$7 user=$8

[ -z "$registry" ] || own_login "$engine" "$registry" "$user"

# Two podman that name one image at the same time lose a name. The folder's lock is free again when this script ends: no
# child has it, as a rootless podman leaves a process behind that would keep it.
if [ "$engine" = podman ] && command -v flock >/dev/null 2>&1; then
  exec 8</tmp
  # A pull holds it for as long as its line is slow, so the limit is a generous one.
  deadline=$(($(date +%s) + 3600)) naps=0
  until flock -n 8; do
    [ "$(date +%s)" -lt "$deadline" ] || { echo 'other pulls have held the lock of this server for an hour' >&2; exit 1; }
    naps=$((naps + 1))
    [ "$naps" != 10 ] || echo 'waiting for another pull on this server' >&2
    sleep 0.2
  done
fi

# In the background, because a trap waits for a program in the foreground.
case $engine in
  podman) line='exec $apart podman pull --tls-verify="$verify" "$from" 9>&-' ;;
  *) line='exec $apart "$engine" pull "$from" 2>&9 9>&-' ;;
esac
on_terminal "$line" >&2 8<&- &
wait $! || exit
"$engine" image inspect "$from" 8<&- || exit
[ -z "$name" ] || "$engine" tag "$from" "$name" 8<&- || exit
[ "$drop" != yes ] || "$engine" rmi "$from" >/dev/null 2>&1 8<&- || true
