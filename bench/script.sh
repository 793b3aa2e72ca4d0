#!/usr/bin/env bash
# The deploy that an experienced engineer would write by hand. jiji is compared with it. It opens one SSH connection per host
# while the image builds, pushes the image to a registry on this machine, and pulls it through a reverse forward. It does
# everything it can on all hosts in parallel.
#
#   script.sh KEY CONTEXT VERSION HOST...
set -euo pipefail
key=$1 context=$2 version=$3
shift 3
image=localhost:5000/bench:$version
sockets=$(mktemp --directory)
trap 'rm -rf "$sockets"' EXIT
options=(-i "$key" -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile="$context.known_hosts")

all() { # all FUNCTION HOST...: runs it on all hosts in parallel; fails if one fails
  local function=$1 host pids=() pid code=0
  shift
  for host in "$@"; do
    "$function" "$host" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || code=1; done
  return $code
}

connect() { ssh "${options[@]}" -fNM -S "$sockets/$1" -o ExitOnForwardFailure=yes -R 5000:127.0.0.1:5000 "root@$1" 2>/dev/null; }
disconnect() { ssh -S "$sockets/$1" -O exit "root@$1" 2>/dev/null; }
update() {
  ssh -S "$sockets/$1" "root@$1" "
    set -e
    docker pull --quiet $image
    old=\$(docker ps --quiet --filter label=bench)
    docker run --detach --restart unless-stopped --label bench --name bench-$version $image
    if [ -n \"\$old\" ]; then docker stop \$old; docker rm \$old; fi" >/dev/null
}

all connect "$@" &
connecting=$!
docker build --quiet --tag "$image" "$context" >/dev/null
docker push --quiet "$image" >/dev/null
wait $connecting
all update "$@"
all disconnect "$@"
