set -u
program=$(command -v "$engine") || { echo "$engine: not found" >&2; exit 127; }
# Child processes must not inherit the lock.
e() { "$program" "$@" 9<&-; }
proxy=jiji-proxy

# survey NAME: sets `found` to the container's id, or to nothing; `image` to jiji's label, or to - if jiji did not create it;
# `digest` to the digest in its label, or to -; `state`; and `made` to the id of its image.
survey() {
  found=$(e ps --all --no-trunc --quiet --filter "name=^$1\$") || exit
  image=- digest=- state='' made=''
  [ -n "$found" ] || return 0
  format='{{with index .Config.Labels "jiji.proxy"}}{{.}}{{else}}-{{end}} {{with index .Config.Labels "jiji.digest"}}{{.}}{{else}}-{{end}} {{.State.Status}} {{.Image}}'
  line=$(e inspect --type container --format "$format" "$found") || exit
  image=${line%% *} line=${line#* }
  digest=${line%% *} line=${line#* }
  state=${line%% *} made=${line#* }
  made=${made#sha256:}
}

# inside SCRIPT WORDS...: runs a shell script in the proxy; if that is stopped, beside it.
inside() {
  if [ "$state" = running ]; then
    e exec -i "$proxy" sh -c "$@"
  else
    e run --rm -i --network none --volume jiji-proxy:/jiji --volume jiji-proxy-data:/data --entrypoint sh "$made" -c "$@"
  fi
}

# Only one deploy changes the proxy at a time, for all users of this server. The kernel frees the lock when this script exits.
lock_proxy() {
  command -v flock >/dev/null 2>&1 || return 0
  lock=/tmp/jiji-proxy.lock
  # Create only a missing file: in a sticky folder, the kernel may forbid to open another user's file for creation.
  [ -e "$lock" ] || (umask 022; set -C; : >"$lock") 2>/dev/null
  [ -f "$lock" ] && [ ! -L "$lock" ] && command exec 9<"$lock" || return 0
  deadline=$(($(date +%s) + 120))
  until flock -n 9; do
    [ "$(date +%s)" -lt "$deadline" ] || { echo busy; exit; }
    sleep 0.2 2>/dev/null || sleep 1
  done
}
