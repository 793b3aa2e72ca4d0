#!/usr/bin/env bash
# The deploy without a registry: sends the whole image to each host with `docker save | ssh docker load`.
#
#   saveLoad.sh KEY CONTEXT VERSION HOST...
set -euo pipefail
key=$1 context=$2 version=$3
shift 3
source "$(dirname "$0")/common.sh"
image=bench-save

build() { docker build --quiet --tag "$image-$1:$version" "$context/$1"; }
update() {
  local images=("${services[@]/#/$image-}")
  docker save "${images[@]/%/:$version}" | on "$1" "docker load --quiet"
  on "$1" "$(replace save "$image")"
}

all connect "$@" &
connecting=$!
all build "${services[@]}" >/dev/null
wait $connecting
all update "$@" >/dev/null
all disconnect "$@"
