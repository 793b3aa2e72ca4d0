# A login that lasts as long as the script it stands in, so that the user's own logins stay as they are and nothing is
# left behind: own_login ENGINE REGISTRY USER, with the password in JIJI_PASSWORD.
own_login() {
  own='' login=''
  trap 'rm -rf "$own"' EXIT
  # A login that is still at work would write its file anew.
  trap '[ -z "$login" ] || { kill "$login"; wait "$login"; }; exit 143' TERM INT HUP
  own=$(mktemp -d) || exit 1
  if [ "$1" != podman ]; then
    # With a configuration that is empty docker looks for the machine's keychain, and keeps the password there.
    (umask 077; printf '{"auths":{"none.invalid":{}}}' >"$own/config.json") || exit 1
    # Where the engine is may stand in the configuration that is left aside here.
    config=${DOCKER_CONFIG:-${HOME:-}/.docker}
    context=$("$1" context inspect --format '{{.Name}}' 2>/dev/null) || context=default
    if [ "$context" != default ] && contexts=$(cd "$config/contexts" 2>/dev/null && pwd); then
      ln -s "$contexts" "$own/contexts"
      export DOCKER_CONTEXT="$context"
    fi
    [ -z "${DOCKER_TLS_VERIFY:-}" ] || export DOCKER_CERT_PATH="${DOCKER_CERT_PATH:-$config}"
  fi
  export DOCKER_CONFIG="$own" REGISTRY_AUTH_FILE="$own/auth.json"
  # In the background, because a trap waits for a program in the foreground.
  printf %s "$JIJI_PASSWORD" | "$1" login --username "$3" --password-stdin "$2" >"$own/said" 2>&1 &
  login=$!
  unset JIJI_PASSWORD
  wait "$login" || { code=$?; login=''; cat "$own/said" >&2; exit "$code"; }
  login=''
}

