# What a machine has, one fact a line: `word value`. It ends as its engine answers: 127 where there is none, and with what
# it says on stderr where it does not answer; the other facts are told all the same.
# Arguments: the engines that will do, the preferred one first.
set -u
# busybox's date knows no fractions.
echo "began $(date +%s.%N)"
echo "processor $(uname -m)"

engine='' folder='' code=0
for candidate in "$@"; do
  if command -v "$candidate" >/dev/null 2>&1; then
    engine=$candidate
    break
  fi
done
case $engine in
  '') echo "$1: not found" >&2 && code=127 ;;
  podman)
    version=$(podman version --format '{{.Client.Version}}' 2>&1) || code=1
    [ "$code" != 0 ] || folder=$(podman info --format '{{.Store.GraphRoot}}' 2>/dev/null)
    ;;
  *)
    version=$("$engine" version --format '{{.Server.Version}}' 2>&1) || code=1
    [ "$code" != 0 ] || folder=$("$engine" info --format '{{.DockerRootDir}}' 2>/dev/null)
    ;;
esac
if [ "$code" = 0 ]; then
  # What it warns of stands before it.
  echo "engine $engine ${version##*[!0-9A-Za-z.+~-]}"
elif [ -n "$engine" ]; then
  echo "$version" >&2
fi

# Of an engine in a virtual machine the folder is not here.
if [ -n "$folder" ]; then
  df -Pk "$folder" 2>/dev/null | {
    read -r _
    read -r _ _ _ free _ && echo "free $free $folder"
  }
fi
echo "ended $(date +%s.%N)"
exit "$code"
