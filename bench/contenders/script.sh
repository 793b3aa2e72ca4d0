#!/usr/bin/env bash
# The deploy that an experienced engineer would write by hand. It opens one SSH connection per host while the images are
# built, pushes them to a registry on this machine, and pulls them through a reverse forward. It does everything it can in
# parallel.
#
#   script.sh KEY CONTEXT VERSION HOST...
set -euo pipefail
key=$1 context=$2 version=$3
shift 3
source "$(dirname "$0")/common.sh"
forward=(-R 5000:127.0.0.1:5000)
image=localhost:5000/bench

build() { docker build --quiet --tag "$image-$1:$version" "$context/$1" && docker push --quiet "$image-$1:$version"; }
update() { on "$1" "$(replace script "$image" 'docker pull --quiet $image')"; }

all connect "$@" &
connecting=$!
all build "${services[@]}" >/dev/null
wait $connecting
all update "$@" >/dev/null
all disconnect "$@"
