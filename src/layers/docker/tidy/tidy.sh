# Removes old images of a repository, apart from those that a container uses.
set -u
program=$(command -v "$engine") || { echo "$engine: not found" >&2; exit 127; }
# Child processes must not inherit the lock.
e() { "$program" "$@" 8<&-; }

# The same lock as in pull.sh, for the same reason.
if [ "$engine" = podman ] && command -v flock >/dev/null 2>&1; then
  exec 8</tmp
  deadline=$(($(date +%s) + 30))
  until flock -n 8; do
    [ "$(date +%s)" -lt "$deadline" ] || { echo 'kept old images until the next deploy, because another pull is running on this server' >&2; exit 0; }
    sleep 0.2
  done
fi
kept=''
e image ls --no-trunc --digests --format '{{.ID}} {{.Repository}} {{.Tag}} {{.Digest}}' "$repository" |
  while read -r each from tag sum; do
    # podman lists all names of a matching image.
    [ "$from" = "$repository" ] || continue
    case " $kept " in
      *" $each "*) continue ;;
    esac
    if [ "$retain" -gt 0 ]; then
      kept="$kept $each" retain=$((retain - 1))
      continue
    fi
    # Remove both names, because an image exists as long as it has one. The engine refuses if a container uses the image.
    [ "$tag" = '<none>' ] || e rmi "$from:$tag" >/dev/null 2>&1
    [ "$sum" = '<none>' ] || e rmi "$from@$sum" >/dev/null 2>&1
  done
exit 0
