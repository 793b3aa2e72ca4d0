# Makes sure that the proxy runs with an image. Prints `running`, `started`, `updated`, or what stands in the way: `foreign`,
# `rootless`, `busy`, `taken PORT PROGRAM`, `unfit REASON`, or `failed old|none` with the container's log.
next=$proxy-next

check_ports() {
  for port in $ports; do
    by=$(holder "$port")
    [ -z "$by" ] || { echo "taken $port $by"; exit 0; }
  done
}

check_image() {
  # Caddy reads the files for the switch since 2.8.
  fault=$(e run --rm --network none --entrypoint sh "$wanted" -c '
    for each in caddy cat date grep head mkdir mkfifo mv nc printf rm sed sha256sum sleep sync timeout tr; do
      command -v "$each" >/dev/null 2>&1 || { echo "fault it has no $each"; exit; }
    done
    version=$(caddy version 2>&1); number=${version#v}; number=${number#*.}
    case $version in
      2.* | v2.*) [ "${number%%.*}" -ge 8 ] 2>/dev/null || echo "fault it has Caddy ${version%% *}, and 2.8 or later is needed" ;;
      [0-9]* | v[0-9]*) echo "fault it has Caddy ${version%% *}, and 2.8 or later is needed" ;;
      *) echo "fault its caddy does not run: $version" ;;
    esac' 2>&1)
  code=$?
  case $code in
    # The engine may print warnings first.
    0) case $fault in *'fault it'*) fault=it${fault##*fault it} ;; *) fault='' ;; esac ;;
    126 | 127) fault='it has no sh' ;;
    *) echo "$fault" >&2; exit "$code" ;;
  esac
  [ -z "$fault" ] || { echo "unfit $fault"; exit 0; }
}

create() { # name
  policy=unless-stopped
  [ "$engine" != podman ] || policy=always
  # Its own socket is in memory, so that two containers of the proxy do not share it.
  e create --name "$1" --restart "$policy" --network host --label "jiji.proxy=$label" \
    --label "jiji.digest=$pulled" --volume jiji-proxy-data:/data --volume jiji-proxy:/jiji --tmpfs /run/jiji \
    --env XDG_DATA_HOME=/data --stop-timeout 40 --entrypoint sh "$wanted" \
    -c 'umask 077; [ -s /jiji/caddy.json ] || printf "%s\n" "$1" >/jiji/caddy.json; exec caddy run --config /jiji/caddy.json' jiji "$initial"
}
# start NAME KEPT: starts a container and waits until it serves. A reload of the same configuration waits for that.
start() {
  e start "$1" >/dev/null 2>&1 && e exec "$1" sh -c '
    naps=0
    until [ -S /run/jiji/admin.sock ]; do
      naps=$((naps + 1))
      [ "$naps" -lt 100 ] || exit 1
      sleep 0.1 2>/dev/null || sleep 1
    done
    caddy reload --config /jiji/caddy.json --address unix//run/jiji/admin.sock' >/dev/null 2>&1 && return
  echo "failed $2"
  e logs --tail 10 "$1" 2>&1
  e rm --force "$1" >/dev/null 2>&1
  exit 0
}

# What has begun is finished, because that takes seconds, and undoing it would take as long.
trap '' TERM INT HUP PIPE
lock_proxy

# Clean up after an interrupted update: one of the two containers stays.
survey "$next"
if [ -n "$found" ] && [ "$image" != - ]; then
  leftover=$found leftover_state=$state
  survey "$proxy"
  if [ "$state" != running ] && [ "$leftover_state" = running ]; then
    [ -z "$found" ] || e rm --force "$found" >/dev/null || exit
    e rename "$next" "$proxy" || exit
  else
    e rm --force "$leftover" >/dev/null || exit
  fi
fi

survey "$proxy"
[ -z "$found" ] || [ "$image" != - ] || { echo foreign; exit 0; }
wanted=$(e image inspect --format '{{.Id}}' "$reference") || exit
wanted=${wanted#sha256:}
if [ "$made" = "$wanted" ]; then
  if [ "$state" = running ]; then
    [ -z "$ports" ] || check_ports
    echo running
    exit 0
  fi
  check_ports
  case $state in paused) e unpause "$found" >/dev/null || exit ;; *) start "$proxy" none ;; esac
  echo started
  exit 0
fi

case $engine in
  podman) rootless=$(e info --format '{{.Host.Security.Rootless}}' 2>/dev/null) ;;
  *) rootless=$(e info --format '{{.SecurityOptions}}' 2>/dev/null) ;;
esac
case $rootless in true | *name=rootless*) echo rootless; exit 0 ;; esac
check_image
check_ports
if [ "$state" = running ]; then
  # Both listen on the same ports until the old one has finished its requests.
  create "$next" >/dev/null || exit
  start "$next" old
  e stop "$found" >/dev/null
  e rm --force "$found" >/dev/null || exit
  e rename "$next" "$proxy" || exit
  echo updated
else
  [ -z "$found" ] || e rm --force "$found" >/dev/null || exit
  create "$proxy" >/dev/null || exit
  start "$proxy" none
  echo started
fi
