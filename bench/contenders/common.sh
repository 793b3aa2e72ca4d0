# What the scripts share that jiji is compared with: one kept SSH connection per host, and everything in parallel.
# Expects $key and $context. Each service is a folder of the context.
mapfile -t services < <(ls "$context")
sockets=$(mktemp --directory)
trap 'rm -rf "$sockets"' EXIT
options=(-i "$key" -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile="$context.known_hosts")

all() { # all FUNCTION TARGET...: runs it for all hosts or services in parallel; fails if one fails
  local function=$1 target pids=() pid code=0
  shift
  for target in "$@"; do
    "$function" "$target" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || code=1; done
  return $code
}

connect() { ssh "${options[@]}" -fNM -S "$sockets/$1" -o ExitOnForwardFailure=yes "${forward[@]}" "root@$1" 2>/dev/null; }
disconnect() { ssh -S "$sockets/$1" -O exit "root@$1" 2>/dev/null; }
on() { # on HOST COMMAND: runs it through the kept connection
  ssh -S "$sockets/$1" "root@$1" "$2"
}

forward=()

# replace LABEL IMAGE [PULL]: a command that replaces all services on a host, in parallel. It runs PULL first for each.
replace() {
  echo "
    set -e
    replace() {
      image=$2-\$1:$version
      ${3:-}
      old=\$(docker ps --quiet --filter label=$1=\$1)
      docker run --detach --restart unless-stopped --label $1=\$1 --name $1-\$1-$version \$image
      if [ -n \"\$old\" ]; then docker stop \$old; docker rm \$old; fi
    }
    for service in ${services[*]}; do replace \$service & pids=\"\$pids \$!\"; done
    for pid in \$pids; do wait \$pid; done"
}
