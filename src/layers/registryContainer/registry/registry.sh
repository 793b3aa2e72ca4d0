# Makes sure that a registry container runs on this machine, on a loopback port, with its images in a volume of the same name.
# Prints what it did: running (nothing to do), started or created. Or prints a conflict: `foreign` if jiji did not make the
# container, or `other` and the port for which it was made.
set -u

# If the container exists, read jiji's label with the port, the image, and its state. `.State.Running` would also be true of
# a paused container.
found=$("$engine" ps --all --no-trunc --quiet --filter "name=^$name\$") || exit
if [ -n "$found" ]; then
  format='{{if index .Config.Labels "jiji.registry"}}{{index .Config.Labels "jiji.registry"}}{{else}}-{{end}} {{.Config.Image}} {{.State.Status}}'
  set -- $("$engine" inspect --type container --format "$format" "$found") || exit
  [ "$1" != - ] || { echo foreign; exit; }
  [ "$1" = "$port" ] || { echo "other $1"; exit; }
  # Podman expands a short image name with its registry.
  case $2 in
    "$image" | */"$image")
      case $3 in
        running) echo running; exit ;;
        paused) "$engine" unpause "$found" >/dev/null || exit ;;
        *) "$engine" start "$found" >/dev/null || exit ;;
      esac
      echo started
      exit
      ;;
  esac
  # deploy.yml now names another image. Recreate the container; the volume keeps the stored images.
  "$engine" rm --force "$found" >/dev/null || exit
fi

# Version 3 of the registry tries to export traces, and logs errors if there is no collector.
created=$("$engine" create --name "$name" --restart unless-stopped --label "jiji.registry=$port" \
  --publish "127.0.0.1:$port:5000" --volume "$name:/var/lib/registry" --env OTEL_TRACES_EXPORTER=none "$image") || exit
"$engine" start "$created" >/dev/null || {
  code=$?
  # For example because the port is in use.
  "$engine" rm --force "$created" >/dev/null 2>&1
  exit "$code"
}
echo created
