# Prints what builds images with this engine, its version, and whether an SSH agent listens on that machine.
set -u
version=$("$engine" --version) || exit
version=${version#*version }
version=${version%%,*}
if [ "$engine" = podman ]; then
  kind=podman
elif "$engine" buildx version >/dev/null 2>&1; then
  kind=buildx
# Until version 22, docker's client has BuildKit itself, if DOCKER_BUILDKIT is 1. Later ones need the plugin.
elif [ "${version%%.*}" -lt 23 ] 2>/dev/null; then
  kind=buildkit
else
  kind=plain
fi
agent=unset
if [ -S "${SSH_AUTH_SOCK:-}" ]; then
  agent=found
elif [ -n "${SSH_AUTH_SOCK:-}" ]; then
  agent=lost
fi
echo "$kind $version $agent"
