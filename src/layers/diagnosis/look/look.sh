# Prints facts about a machine, one per line, as `word value`. Exits with 127 if no engine is installed, and with 1 and the
# engine's error on stderr if it does not respond. Prints the other facts in any case.
set -u
# busybox's date does not support fractions (%N).
echo "began $(date +%s.%N)"
echo "processor $(uname -m)"

wanted=$engine engine='' folder='' code=0
set -- "$wanted"
[ "$only" = yes ] || set -- "$wanted" docker podman
for candidate; do
  if command -v "$candidate" >/dev/null 2>&1; then
    engine=$candidate
    break
  fi
done
case $engine in
  '') echo "$wanted: not found" >&2 && code=127 ;;
  podman)
    version=$(podman version --format '{{.Client.Version}}' 2>&1) || code=1
    if [ "$code" = 0 ]; then
      info=$(podman info --format '{{.Host.NetworkBackend}} {{.Store.GraphRoot}}' 2>/dev/null)
      folder=${info#* } backend=${info%% *}
      if lacks_dns "$backend"; then
        echo "nameless aardvark-dns"
      elif [ "$backend" = cni ] && [ ! -x /usr/lib/cni/dnsname ] && [ ! -x /usr/libexec/cni/dnsname ] && [ ! -x /opt/cni/bin/dnsname ]; then
        echo "nameless netavark"
      fi
    fi
    ;;
  *)
    version=$("$engine" version --format '{{.Server.Version}}' 2>&1) || code=1
    [ "$code" != 0 ] || folder=$("$engine" info --format '{{.DockerRootDir}}' 2>/dev/null)
    ;;
esac
if [ "$code" = 0 ]; then
  # The engine may print warnings before the version.
  echo "engine $engine ${version##*[!0-9A-Za-z.+~-]}"
elif [ -n "$engine" ]; then
  echo "$version" >&2
fi

# If the engine runs in a virtual machine, its folder is not on this machine.
if [ -n "$folder" ]; then
  df -Pk "$folder" 2>/dev/null | {
    read -r _
    read -r _ _ _ free _ && echo "free $free $folder"
  }
fi
echo "ended $(date +%s.%N)"
exit "$code"
