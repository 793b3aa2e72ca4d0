# Works on the containers that hold a project's versions for `jiji rollback`. They were created, but never start. Prints all
# of them afterwards, one JSON object per line:
#   {"id":"…","name":"/shop-web.1a2b","image":"sha256:…","labels":{…}}
# With doing=add, first creates the one called $name from the image $image, with the labels on stdin. With doing=drop, first
# removes those with the ids in the words.
set -u
program=$(command -v "$engine") || { echo "$engine: not found" >&2; exit 127; }

add() {
  if [ "$engine" = podman ]; then
    set -- --image-volume ignore
  else
    # Otherwise docker creates a volume for each of these.
    volumes=$("$program" image inspect --format '{{range $path, $_ := .Config.Volumes}}{{$path}}
{{end}}' "$image") || return
    set --
    while read -r path; do
      [ -z "$path" ] || set -- "$@" --tmpfs "$path"
    done <<END
$volumes
END
  fi
  # An image may have no command, and then needs one.
  "$program" create --name "$name" --network none --restart no --pull never --label-file /dev/stdin "$@" "$image" kept >/dev/null
}

case $doing in
  add)
    known=$("$program" inspect --type container --format '{{index .Config.Labels "jiji.kept"}}' "$name" 2>/dev/null)
    [ "$known" = "$project" ] || add || exit
    ;;
  drop)
    # Without --force: one that runs holds no version, whatever its labels say. Another run may have removed one.
    for id; do "$program" rm --volumes "$id" >/dev/null 2>&1 || :; done
    ;;
esac
found=$("$program" ps --all --quiet --no-trunc --filter "label=jiji.kept=$project") || exit
[ -n "$found" ] || exit 0
# If a container disappears in the meantime, inspect fails, but only after it has printed the others.
# shellcheck disable=SC2086
"$program" inspect --type container --format '{"id":{{json .ID}},"name":{{json .Name}},"image":{{json .Image}},"labels":{{json .Config.Labels}}}' $found 2>/dev/null || true
