# Prints a server's engine. If docker's API can be used without its client, prints the processor, the API's socket, what is
# new after a restart of docker, and whether the user's own logins may be needed for a pull (yes or no):
#   docker api x86_64
#   /var/run/docker.sock
#   1234 1700000000
#   no
# Otherwise prints the engine's version, the processor and, for docker, why its API cannot be used (one word of
# clientReasons.ts); then the project's containers as JSON.
set -u

engine_version() {
  case $1 in
    podman) podman version --format '{{.Client.Version}}' 2>&1 ;;
    *) "$1" version --format '{{.Server.Version}}' 2>&1 ;;
  esac
}

# find_socket: sets `socket` to the one that docker's client would use, or `reason` to why jiji has to use the client.
find_socket() {
  reason=''
  host=${DOCKER_HOST:-unix:///var/run/docker.sock}
  if [ -z "${DOCKER_HOST:-}" ]; then
    # Another context may lead to another engine.
    if [ -n "${DOCKER_CONTEXT:-}" ] || grep -q '"currentContext"' "$config" 2>/dev/null; then reason=context; fi
  fi
  # These change what the client pulls: only signed images, or those of another platform.
  case ${DOCKER_CONTENT_TRUST:-0} in 0 | f | F | false | False | FALSE) ;; *) reason=trust ;; esac
  [ -z "${DOCKER_DEFAULT_PLATFORM:-}" ] || reason=platform
  case $host in unix:///*) socket=${host#unix://} ;; *) reason=${reason:-host} ;; esac
  [ -z "$reason" ] || return
  if [ ! -S "$socket" ]; then
    reason=socket
  elif [ ! -r "$socket" ] || [ ! -w "$socket" ]; then
    reason=permission
  fi
}

# Use the first engine that is installed, even if it does not respond. With another engine instead, the containers would
# run twice as soon as the first engine is back.
wanted=$engine engine=''
for candidate in "$wanted" docker podman; do
  if command -v "$candidate" >/dev/null 2>&1; then
    engine=$candidate
    break
  fi
done
[ -n "$engine" ] || { echo "$wanted: not found" >&2; exit 127; }

config=${DOCKER_CONFIG:-${HOME:-}/.docker}/config.json
reason=''
[ "$engine" != docker ] || [ "$client" = yes ] || find_socket
if [ "$engine" = docker ] && [ "$client" != yes ] && [ -z "$reason" ]; then
  logins=no
  ! grep -qE '"(auths|credsStore|credHelpers)"' "$config" 2>/dev/null || logins=yes
  printf 'docker api %s\n%s\n%s\n%s\n' "$(uname -m)" "$socket" "$(echo $engine_before)" "$logins"
  exit
fi

version=$(engine_version "$engine") || { echo "$version" >&2; exit 1; }
# The engine may print warnings before the version.
version=${version##*[!0-9A-Za-z.+~-]}

echo "$engine $version $(uname -m)${reason:+ $reason}"
containers=$("$engine" ps --all --quiet --no-trunc --filter "label=jiji.project=$project") || exit 1
[ -n "$containers" ] || { echo '[]'; exit 0; }
# If a container disappears in the meantime, inspect fails, but only after it has printed the others.
"$engine" inspect --type container $containers 2>/dev/null || true
