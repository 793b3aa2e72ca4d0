# Asks a registry whether it lets a user in, with a login of its own that is gone with this script.
# Arguments: engine, registry, user. JIJI_PASSWORD holds the password.
set -u
engine=$1 registry=$2 user=$3
home=$(mktemp -d) || exit 1
trap 'rm -rf "$home"' EXIT
trap 'exit 143' TERM INT HUP
# Where the engine is may stand in the configuration that is left aside here.
if [ "$engine" != podman ] && host=$("$engine" context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null); then
  export DOCKER_HOST="$host"
fi
export DOCKER_CONFIG="$home" REGISTRY_AUTH_FILE="$home/auth.json"
# In the background, because a trap waits for a program in the foreground.
printf %s "$JIJI_PASSWORD" | "$engine" login --username "$user" --password-stdin "$registry" >&2 &
unset JIJI_PASSWORD
wait $!
