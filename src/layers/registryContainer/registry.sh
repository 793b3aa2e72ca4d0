# Keeps a registry in a container of this machine's engine, on its loopback, with its images in a volume of the same name.
# Arguments: engine, name, port, image.
# Prints what it did: running, started or created; or what is in the way: foreign, or other and the port of the one there.
set -u
engine=$1 name=$2 port=$3 image=$4

# The container, if there is one: whose it is, which port it was made for, from which image, and whether it runs.
found=$("$engine" ps --all --no-trunc --quiet --filter "name=^$name\$") || exit
if [ -n "$found" ]; then
  format='{{if index .Config.Labels "jiji.registry"}}{{index .Config.Labels "jiji.registry"}}{{else}}-{{end}} {{.Config.Image}} {{.State.Running}}'
  set -- $("$engine" inspect --type container --format "$format" "$found") || exit
  [ "$1" != - ] || { echo foreign; exit; }
  [ "$1" = "$port" ] || { echo "other $1"; exit; }
  # Podman writes the registry of a short name out.
  case $2 in
    "$image" | */"$image")
      [ "$3" != true ] || { echo running; exit; }
      "$engine" start "$name" >/dev/null || exit
      echo started
      exit
      ;;
  esac
  # Another image was asked for since; what the registry holds is in the volume.
  "$engine" rm --force "$name" >/dev/null || exit
fi

# The third version of the registry looks for a collector of traces, and complains of none.
"$engine" run --detach --name "$name" --restart unless-stopped --label "jiji.registry=$port" \
  --publish "127.0.0.1:$port:5000" --volume "$name:/var/lib/registry" --env OTEL_TRACES_EXPORTER=none "$image" >/dev/null || {
  code=$?
  # Made, but not started: its port is taken.
  "$engine" rm --force "$name" >/dev/null 2>&1
  exit "$code"
}
echo created
