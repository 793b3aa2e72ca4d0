#!/usr/bin/env bash
# A stand-in for Kamal 2: the commands that `kamal deploy` runs, in its order, each by its own exec on a kept connection.
# Hosts go through a block of commands side by side, and the next block begins when all have ended. What differs from Kamal
# is in bench/README.md.
#
#   kamalLike.sh KEY CONTEXT VERSION HOST...
set -euo pipefail
key=$1 context=$2 version=$3
shift 3
source "$(dirname "$0")/common.sh"
forward=(-R 5000:127.0.0.1:5000)
primary=$1
registry=localhost:5000 image=localhost:5000/bench-kamal
container=bench-web-$version
filters="--filter label=service=bench --filter label=destination= --filter label=role=web"
running="$filters --filter status=running --filter status=restarting"

record() { on "$1" "/usr/bin/env echo '[$(date --utc +%FT%TZ)] $2' >> .kamal/bench-audit.log"; }
sign_in() { on "$1" "/usr/bin/env docker login $registry -u bench -p bench"; }
id_of() { on "$1" "/usr/bin/env docker container ls --all --filter 'name=^$2\$' --quiet"; }
running_version() {
  on "$1" "/usr/bin/env sh -c 'docker ps --latest --format \"{{.Names}}\" $running --filter ancestor=\$(docker image ls \
    --filter reference=$image:latest --format \"{{.ID}}\") ; docker ps --latest --format \"{{.Names}}\" $running' |
    head -1 | while read line; do echo \${line#bench-web-}; done"
}

# Build.
find_mirror() { on "$1" "/usr/bin/env docker info --format '{{index .RegistryConfig.Mirrors 0}}'" || true; }
pull() {
  record "$1" "Pulled image with version $version"
  on "$1" "/usr/bin/env docker image rm --force $image:$version" || true
  on "$1" "/usr/bin/env docker pull $image:$version"
  on "$1" "/usr/bin/env docker inspect -f '{{ .Config.Labels.service }}' $image:$version | grep -x bench"
}

# Locks: a folder on every host, the lock on the first.
ensure_folder() { on "$1" "/usr/bin/env mkdir -p .kamal"; }
lock() { on "$1" "/usr/bin/env mkdir .kamal/lock-bench && echo $version > .kamal/lock-bench/details"; }
unlock() { on "$1" "/usr/bin/env rm .kamal/lock-bench/details && rm -r .kamal/lock-bench"; }

# The proxy that keeps running. Here it is any container that can ask for a page.
ensure_network() { on "$1" "/usr/bin/env docker network create kamal" || true; }
ensure_proxy() {
  sign_in "$1"
  on "$1" "/usr/bin/env docker inspect kamal-proxy --format '{{.Config.Image}}' | awk -F: '{print \$NF}'"
  on "$1" "/usr/bin/env mkdir -p .kamal/proxy/apps-config"
  on "$1" "/usr/bin/env docker container start kamal-proxy || docker run --name kamal-proxy --network kamal --detach \
    --restart unless-stopped $image:$version"
}

stop_stale() {
  on "$1" "/usr/bin/env docker ps $filters --format '{{.Names}}' | while read line; do echo \${line#bench-web-}; done"
  running_version "$1"
}

boot() {
  local old id
  if [[ -n $(id_of "$1" "$container") ]]; then
    record "$1" "Renaming container $version"
    on "$1" "/usr/bin/env docker rename $container ${container}_replaced_$RANDOM"
  fi
  old=$(running_version "$1")
  record "$1" "Booted app version $version"
  on "$1" "/usr/bin/env mkdir -p .kamal/apps/bench/env/roles"
  on "$1" "cat > .kamal/apps/bench/env/roles/web.env" <<<"LOG=info" # Kamal uploads it by scp
  on "$1" "/usr/bin/env docker run --detach --restart unless-stopped --name $container --network kamal --hostname $1-$RANDOM \
    --env KAMAL_CONTAINER_NAME=$container --env KAMAL_VERSION=$version --env KAMAL_HOST=$1 \
    --env-file .kamal/apps/bench/env/roles/web.env --log-opt max-size=10m --label service=bench --label role=web \
    --label destination $image:$version"
  id=$(id_of "$1" "$container")
  # kamal-proxy asks for the page at once, then every second, before it sends requests to the new container.
  on "$1" "/usr/bin/env docker exec kamal-proxy /bin/busybox sh -c '
    address=\$(busybox nslookup $id | busybox sed -n \"s/^Address: //p\" | busybox tail -n 1)
    until busybox wget -qO /dev/null http://\$address/; do busybox sleep 1; done'"
  if [[ -n $old ]]; then
    on "$1" "/usr/bin/env docker container ls --all --filter 'name=^bench-web-$old\$' --quiet | xargs docker stop"
  fi
}
tag_latest() {
  record "$1" "Tagging $image:$version as the latest image"
  on "$1" "/usr/bin/env docker tag $image:$version $image:latest"
}

prune_containers() {
  record "$1" "Pruned containers"
  on "$1" "/usr/bin/env docker ps -q -a --filter label=service=bench --filter status=created --filter status=exited \
    --filter status=dead | tail -n +6 | while read container_id; do docker rm \$container_id; done"
}
prune_images() {
  record "$1" "Pruned images"
  on "$1" "/usr/bin/env docker image prune --force --filter label=service=bench"
  on "$1" "/usr/bin/env docker image ls --filter label=service=bench --format '{{.ID}} {{.Repository}}:{{.Tag}}' |
    grep -v -w \"\$(docker container ls -a --format '{{.Image}}\\|' --filter label=service=bench |
    tr -d '\\n')$image:latest\\|$image:<none>\" | while read image tag; do docker rmi \$tag; done" || true
}

deploy() {
  docker --version
  docker login "$registry" -u bench -p bench
  docker build --label service=bench --tag "$image:$version" --tag "$image:latest" "$context/web"
  docker push "$image:$version"
  docker push "$image:latest"
  all connect "$@"
  all sign_in "$@"
  if [[ $# -gt 1 ]]; then all find_mirror "$@"; fi
  all ensure_folder "$@"
  all pull "$@"
  lock "$primary"
  all ensure_network "$@"
  all ensure_proxy "$@"
  all stop_stale "$@"
  all boot "$@"
  all tag_latest "$@"
  all prune_containers "$@"
  all prune_images "$@"
  unlock "$primary"
  all disconnect "$@"
}
# No `|| …` here: it would switch `set -e` off in all of it.
exec 3>&2
trap 'code=$?; [[ $code == 0 ]] || cat "$sockets/log" >&3; rm -rf "$sockets"' EXIT
deploy "$@" >"$sockets/log" 2>&1
