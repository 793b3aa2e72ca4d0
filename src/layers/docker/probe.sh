# What a server has: which engine, and the containers of a project.
# Arguments: the engine to prefer, the project.
set -u

answer() {
  case $1 in
    podman) podman version --format '{{.Client.Version}}' 2>&1 ;;
    *) "$1" version --format '{{.Server.Version}}' 2>&1 ;;
  esac
}

# An engine that is there and does not answer is what the user means all the same: another one in its stead would run the
# containers a second time, beside those that come back with the first.
engine=''
for candidate in "$1" docker podman; do
  if command -v "$candidate" >/dev/null 2>&1; then
    engine=$candidate
    break
  fi
done
[ -n "$engine" ] || { echo "$1: not found" >&2; exit 127; }
version=$(answer "$engine") || { echo "$version" >&2; exit 1; }
# What it warns of stands before it.
version=${version##*[!0-9A-Za-z.+~-]}

echo "$engine $version $(uname -m)"
containers=$("$engine" ps --all --quiet --no-trunc --filter "label=jiji.project=$2") || exit 1
[ -n "$containers" ] || { echo '[]'; exit 0; }
# One that goes away in between makes inspect fail, after it has shown the others.
"$engine" inspect --type container $containers 2>/dev/null || true
