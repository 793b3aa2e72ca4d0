# What a server has: which engine answers, and the containers of a project.
# Arguments: the engine to prefer, the project.
set -u

answer() {
  case $1 in
    podman) podman version --format '{{.Client.Version}}' 2>&1 ;;
    *) "$1" version --format '{{.Server.Version}}' 2>&1 ;;
  esac
}

engine='' said="$1: not found"
for candidate in "$1" docker podman; do
  command -v "$candidate" >/dev/null 2>&1 || continue
  if version=$(answer "$candidate"); then
    engine=$candidate
    # What it warns of stands before it.
    version=${version##*[!0-9A-Za-z.+~-]}
    break
  fi
  [ "$candidate" != "$1" ] || said=$version
  # An engine that is there and may not be used is what the user means; another one is not to stand in for it.
  case $version in *'permission denied'*) break ;; esac
done
if [ -z "$engine" ]; then
  echo "$said" >&2
  case $said in *': not found') exit 127 ;; *) exit 1 ;; esac
fi

echo "$engine $version $(uname -m)"
containers=$("$engine" ps --all --quiet --no-trunc --filter "label=jiji.project=$2") || exit 1
[ -n "$containers" ] || { echo '[]'; exit 0; }
# One that goes away in between makes inspect fail, after it has shown the others.
"$engine" inspect --type container $containers 2>/dev/null || true
