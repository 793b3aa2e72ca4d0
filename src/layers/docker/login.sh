# own_login ENGINE REGISTRY USER: logs in to a registry until the script exits. JIJI_PASSWORD holds the password. The login
# is stored in a temporary folder, so that the user's own logins stay unchanged and no credentials are left behind.
own_login() {
  own='' login=''
  trap 'rm -rf "$own"' EXIT
  # End a login that is still running, or it could write its file again after the folder is removed. A login that has just
  # been started could lose a SIGTERM.
  trap '[ -z "$login" ] || { kill -9 ${!-}; wait ${!-}; } 2>/dev/null; exit 143' TERM INT HUP
  own=$(mktemp -d) || exit 1
  if [ "$1" != podman ]; then
    # With an empty configuration, docker would store the password in the machine's keychain.
    (umask 077; printf '{"auths":{"none.invalid":{}}}' >"$own/config.json") || exit 1
    # The user's configuration may define which engine to use. Keep that part of it.
    config=${DOCKER_CONFIG:-${HOME:-}/.docker}
    context=$("$1" context inspect --format '{{.Name}}' 2>/dev/null) || context=default
    if [ "$context" != default ] && contexts=$(cd "$config/contexts" 2>/dev/null && pwd); then
      ln -s "$contexts" "$own/contexts"
      export DOCKER_CONTEXT="$context"
    fi
    [ -z "${DOCKER_TLS_VERIFY:-}" ] || export DOCKER_CERT_PATH="${DOCKER_CERT_PATH:-$config}"
  fi
  export DOCKER_CONFIG="$own" REGISTRY_AUTH_FILE="$own/auth.json"
  # In the background, because the shell runs traps only after a foreground program has exited.
  login=yes
  printf %s "$JIJI_PASSWORD" | "$1" login --username "$3" --password-stdin "$2" >"$own/output" 2>&1 &
  unset JIJI_PASSWORD
  wait $! || { code=$?; login=''; cat "$own/output" >&2; exit "$code"; }
  login=''
}

