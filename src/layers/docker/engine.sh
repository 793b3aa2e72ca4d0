# engine_id: prints what is new after a restart of docker, its file with its process id; nothing if there is no such file.
engine_id() { stat -c '%i %Y' /var/run/docker.pid "${XDG_RUNTIME_DIR:-/run}/docker.pid" 2>/dev/null; }
engine_before=$(engine_id)

# fail_transfer CODE: exits with CODE. If docker stopped or restarted since the script began, prints `jiji engine restarted`
# first: by docker's own message, the registry could be the one that went away. Podman has no daemon.
fail_transfer() {
  [ "$engine" != podman ] || exit "$1"
  # In the background, because the shell runs traps only after a foreground program has exited.
  "$engine" version >/dev/null 2>&1 8<&- &
  wait $! && [ "$(engine_id)" = "$engine_before" ] || echo 'jiji engine restarted' >&2
  exit "$1"
}

