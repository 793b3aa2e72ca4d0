# Stops and removes the containers of a service, their files, the versions kept for a rollback, with volumes=yes the
# project's volumes that they mount, and the project's network with its last container. The words are more of these volumes:
# those in deploy.yml. Prints a line for each:
#   container shop-web
#   image localhost:9270/shop-web:1
#   removed-volume shop_data
#   kept-volume shop_files
#   network jiji-shop
set -u
program=$(command -v "$engine") || { echo "$engine: not found" >&2; exit 127; }
name=$project-$service user=''
# Child processes must not inherit the lock.
e() { "$program" "$@" 7<&- 9<&-; }
trap '' PIPE
trap 'exit 143' TERM INT HUP
take_turn

# Removes containers: the options, and the ids as the last words. Somebody else may be removing one at the same moment.
drop() {
  problem=$(e rm --force "$@" 2>&1 >/dev/null) && return
  case $problem in *'already in progress'*) ;; *) printf '%s\n' "$problem" >&2; return 1 ;; esac
  naps=0
  for each; do
    while e inspect --type container "$each" >/dev/null 2>&1; do
      naps=$((naps + 1))
      [ "$naps" -le 50 ] || { printf '%s\n' "$problem" >&2; return 1; }
      nap 0.2
    done
  done
}

all=$(e ps --all --quiet --no-trunc --filter "label=jiji.project=$project" --filter "label=jiji.service=$service") || exit
ids='' names='' mounted='' removed=''
if [ -n "$all" ]; then
  # An id has no spaces.
  # shellcheck disable=SC2086
  found=$(e inspect --type container --format '{{.ID}} {{.Name}} {{.Config.Image}}{{range .Mounts}}{{if eq .Type "volume"}} {{.Name}}{{end}}{{end}}' $all) || exit
  while read -r id each image mounts; do
    each=${each#/}
    # Others are copies that somebody made.
    case $each in "$name" | "$name"-*) ;; *) continue ;; esac
    ids="$ids $id" mounted="$mounted $mounts" names="$names $each" removed="${removed}container $each
image $image
"
  done <<END
$found
END
fi
if [ -n "$ids" ]; then
  # In the background, because the shell runs traps only after a foreground program has exited.
  # shellcheck disable=SC2086
  e stop $ids >/dev/null &
  wait $! || true
  # Volumes without a name have no use without their container.
  # shellcheck disable=SC2086
  if [ "$volumes" = yes ]; then drop --volumes $ids; else drop $ids; fi || exit
  printf %s "$removed"
  # `replace.sh` writes them.
  for each in $names; do rm -rf "${HOME:-}/.jiji/files/$each"; done
fi
# They never ran, and hold nothing but an image.
kept=$(e ps --all --quiet --no-trunc --filter "label=jiji.kept=$project" --filter "label=jiji.service=$service") || exit
if [ -n "$kept" ]; then
  # shellcheck disable=SC2086
  images=$(e inspect --type container --format '{{index .Config.Labels "jiji.definition"}}' $kept | sed -n 's/.*"image":"\([^"]*\)".*/image \1/p')
  # shellcheck disable=SC2086
  drop --volumes $kept || exit
  [ -z "$images" ] || printf '%s\n' "$images"
fi
for volume in $mounted "$@"; do
  # Others are not the project's, or have no name.
  case $volume in "$project"_*) ;; *) continue ;; esac
  case " ${seen-} " in *" $volume "*) continue ;; esac
  seen="${seen-} $volume"
  e volume inspect "$volume" >/dev/null 2>&1 || continue
  if [ "$volumes" != yes ]; then
    echo "kept-volume $volume"
  elif why=$(e volume rm "$volume" 2>&1 >/dev/null); then
    echo "removed-volume $volume"
  else
    echo "kept-volume $volume"
    echo "$why" >&2
  fi
done
# Not one of somebody else. An engine keeps a network that a container still uses.
if [ -z "$(e ps --all --quiet --filter "label=jiji.project=$project")" ]; then
  owner=$(e network inspect --format '{{index .Labels "jiji.project"}}' "jiji-$project" 2>/dev/null)
  [ "$owner" != "$project" ] || ! e network rm "jiji-$project" >/dev/null 2>&1 || echo "network jiji-$project"
fi
exit 0
