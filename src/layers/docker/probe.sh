# Prints a server's engine with its version, the processor, and then the project's containers as JSON.
# Arguments: the preferred engine, the project.
set -u

engine_version() {
  case $1 in
    podman) podman version --format '{{.Client.Version}}' 2>&1 ;;
    *) "$1" version --format '{{.Server.Version}}' 2>&1 ;;
  esac
}

# Use the first engine that is installed, even if it does not respond. With another engine instead, the containers would
# run twice as soon as the first engine is back.
engine=''
for candidate in "$1" docker podman; do
  if command -v "$candidate" >/dev/null 2>&1; then
    engine=$candidate
    break
  fi
done
[ -n "$engine" ] || { echo "$1: not found" >&2; exit 127; }
version=$(engine_version "$engine") || { echo "$version" >&2; exit 1; }
# The engine may print warnings before the version.
version=${version##*[!0-9A-Za-z.+~-]}

echo "$engine $version $(uname -m)"
containers=$("$engine" ps --all --quiet --no-trunc --filter "label=jiji.project=$2") || exit 1
[ -n "$containers" ] || { echo '[]'; exit 0; }
# If a container disappears in the meantime, inspect fails, but only after it has printed the others.
"$engine" inspect --type container $containers 2>/dev/null || true
