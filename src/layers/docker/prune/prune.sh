# Finds what nothing refers to, and removes it with remove=yes. The words are repositories with the number of images to keep
# (`image 3 localhost:9270/shop-web`), names of containers with their services (`container shop-web web`), and containers
# that keep versions to which nobody needs to go back (`kept shop-web.1a2b -`): only these are looked at. Prints a line for each:
#   image localhost:9270/shop-web:v1 2048
#   container shop-web-trial
#   file /tmp/jiji-shop-web.by.0
#   freed 4096
set -u
program=$(command -v "$engine") || { echo "$engine: not found" >&2; exit 127; }
e() { "$program" "$@" 8<&- 9<&-; }
removes() { [ "$remove" = yes ]; }

# A pull gives an image its name last, so none may be under way. The same lock as in pull.sh.
if removes && [ "$engine" = podman ] && command -v flock >/dev/null 2>&1; then
  exec 8</tmp
  deadline=$(($(date +%s) + 30))
  until flock -n 8; do
    [ "$(date +%s)" -lt "$deadline" ] || { echo 'another pull is running on this server, so images stay' >&2; exec 8<&-; break; }
    sleep 0.2 2>/dev/null || sleep 1
  done
fi
case $engine in
  podman) root=$(e info --format '{{.Store.GraphRoot}}') || exit ;;
  *) root=$(e info --format '{{.DockerRootDir}}') || exit ;;
esac
# In KiB. `df` works even where the user may not open the engine's folder.
free() { df -Pk "$root" 2>/dev/null | sed -n '2{s/^[^ ]* *[0-9]* *[0-9]* *\([0-9]*\).*/\1/p;}'; }
before=$(free)

# Whether no script works on the container called $1. Holds its lock, if there is one, until the next call.
idle() {
  exec 9<&-
  command -v flock >/dev/null 2>&1 || return 1
  [ -e "/tmp/jiji-$1.lock" ] || return 0
  [ -f "/tmp/jiji-$1.lock" ] && [ ! -L "/tmp/jiji-$1.lock" ] || return 1
  command exec 9<"/tmp/jiji-$1.lock" && flock -n 9
}

containers=$(e ps --all --quiet --no-trunc) || exit
# An id has no spaces.
# shellcheck disable=SC2086
known=$([ -z "$containers" ] || e inspect --type container --format '{{.Name}}|{{.State.Status}}|{{.Image}}|{{index .Config.Labels "jiji.project"}}|{{index .Config.Labels "jiji.service"}}|{{index .Config.Labels "jiji.proxied"}}' $containers 2>/dev/null)
# Sets `state` and `proxied` of the container called $1 of service $2; both are empty if it is not there or not ours.
look() {
  state='' proxied='' exists=''
  while IFS='|' read -r each state_ _ project_ service_ proxied_; do
    [ "${each#/}" = "$1" ] || continue
    exists=yes
    [ "$project_" = "$project" ] && [ "$service_" = "$2" ] || continue
    state=$state_ proxied=$proxied_
  done <<END
$known
END
}
# Names have no spaces.
surplus=' ' kind=''
for each; do
  [ "$kind" != kept ] || surplus="$surplus$each "
  kind=$each
done
used=' '
while IFS='|' read -r each _ image_ _; do
  case $surplus in *" ${each#/} "*) ;; *) used="$used${image_#sha256:} " ;; esac
done <<END
$known
END

drop() { # name of a container
  if removes; then e rm --force "$1" >/dev/null || return 0; fi
  echo "container $1"
}
# Without --force: one that runs holds no version, whatever its labels say.
drop_kept() { # name of a container
  if removes; then e rm "$1" >/dev/null || return 0; fi
  echo "container $1"
}
tidy_file() {
  [ -e "$1" ] || return 0
  if removes; then rm -rf "$1" 2>/dev/null || return 0; fi
  echo "file $1"
}
leftovers() { # name, service
  idle "$1" || return 0
  look "$1" "$2"
  serves=$state has=$exists
  look "$1-trial" "$2"
  [ -z "$state" ] || drop "$1-trial"
  look "$1-next" "$2"
  # One that runs may be the one that serves: the next deploy finds that out.
  case $state,$serves,$proxied in
    ,*) ;;
    running,running,) drop "$1-next" ;;
    running,*) has=yes ;;
    *) drop "$1-next" ;;
  esac
  [ -n "$has" ] || tidy_file "${HOME:-}/.jiji/files/$1"
  for each in "/tmp/jiji-$1.by".* "/tmp/jiji-$1.new".* "/tmp/jiji-$1.lock"; do tidy_file "$each"; done
  idle "$1-release" || return 0
  look "$1-release" "$2"
  [ -z "$state" ] || drop "$1-release"
  for each in "${HOME:-}/.jiji/files/$1-release" "/tmp/jiji-$1-release.lock"; do tidy_file "$each"; done
}
images() { # how many to keep, repository
  keep=$1 kept='' gone=''
  e image ls --no-trunc --digests --format '{{.ID}} {{.Repository}} {{.Tag}} {{.Digest}}' "$2" |
    while read -r id from tag sum; do
      # podman lists all names of a matching image.
      [ "$from" = "$2" ] || continue
      id=${id#sha256:}
      case "$kept " in *" $id "*) continue ;; esac
      if [ "$keep" -gt 0 ]; then kept="$kept $id" keep=$((keep - 1)); continue; fi
      case $used in *" $id "*) continue ;; esac
      name=$from:$tag
      [ "$tag" != '<none>' ] || name=$from@$sum
      case "$gone " in
        *" $id "*) ;;
        *) size=$(e image inspect --format '{{.Size}}' "$id" 2>/dev/null) gone="$gone $id"; echo "image $name ${size:-0}" ;;
      esac
      # Both names, because an image exists as long as it has one. The engine refuses if a container uses it.
      ! removes || { [ "$tag" = '<none>' ] || e rmi "$from:$tag"; [ "$sum" = '<none>' ] || e rmi "$from@$sum"; } >/dev/null 2>&1
    done
}

while [ $# -ge 3 ]; do
  case $1 in
    container) leftovers "$2" "$3" ;;
    kept) drop_kept "$2" ;;
    image) images "$2" "$3" ;;
  esac
  shift 3
done
if removes; then
  after=$(free)
  freed=$((${after:-0} - ${before:-0}))
  [ "$freed" -gt 0 ] || freed=0
  echo "freed $((freed * 1024))"
fi
exit 0
