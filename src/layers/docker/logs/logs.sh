# Prints the logs of the project's containers. First a line for each container, `= N ID NAME SERVICE`; then lines
# `TIME N TEXT`, in the order of their times. With follow=yes, prints lines as they come, and those of new containers.
# `TIME N+ TEXT` is a part of a long line, whose rest follows.
set -u
export LC_ALL=C
program=$(command -v "$engine") || { echo "$engine: not found" >&2; exit 127; }
command -v awk >/dev/null 2>&1 || { echo 'awk: not found' >&2; exit 127; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 143' TERM INT HUP
trap '' PIPE
e() { "$program" "$@"; }

# mawk would wait until it has read 4096 bytes.
awk=awk
case $(awk -W version 2>/dev/null </dev/null) in *mawk*) awk='awk -W interactive' ;; esac

# tag N [SINCE]: marks each line with the container's number. What has no time is a message of the engine. Several of these
# write to one pipe while jiji follows, so each write must be short enough not to be split (PIPE_BUF). With SINCE, which may be
# empty, it reads podman's file: `TIME STREAM F TEXT`, or P instead of F for a part of a line.
tag() {
  $awk -v n="$1" -v file="$#" -v since="${2-}" -v messages="$dir/$1.messages" -v most="$([ "$follow" = yes ] && echo 3000 || echo 0)" '
    !/^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T/ { print >messages; fflush(messages); next }
    {
      at = index($0, " ")
      if (at == 0) { $0 = $0 " "; at = length($0) }
      time = substr($0, 1, at)
      text = substr($0, at + 1)
      end = " "
      if (file == 2) {
        if (since != "" && time ~ /[+]00:00 $/ && substr(time, 1, 29) <= substr(since, 1, 29)) next
        if (text ~ /^std(out|err) P /) end = "+ "
        sub(/^std(out|err) [FP] /, "", text)
      }
      while (most && length(text) > most) {
        printf "%s", time n "+ " substr(text, 1, most) "\n"
        fflush()
        text = substr(text, most + 1)
      }
      # Not print: without a buffer, mawk would write the line break by itself.
      printf "%s", time n end text "\n"
      if (most) fflush()
    }'
}

# container ID: sets `n` to the number of a container, after printing its line if it is new. Fails for other containers.
count=0
container() {
  case $1 in '' | *[!0-9a-f]*) return 1 ;; esac
  case " $services " in *" $4 "*) ;; *) return 1 ;; esac
  # A trial only shows whether the new container can run.
  case ${2#/} in "$project-$4-trial" | "$project-$4"-*-trial) return 1 ;; esac
  eval "n=\${number_$1:-}"
  [ -z "$n" ] || return 0
  count=$((count + 1))
  n=$count
  eval "number_$1=$n"
  printf '= %s %s %s %s\n' "$n" "$1" "${2#/}" "$4"
}

states() { e ps --all --no-trunc --filter "label=jiji.project=$project" --format '{{.ID}} {{.State}}'; }
list() {
  ids=$(e ps --all --quiet --no-trunc --filter "label=jiji.project=$project") || return 1
  [ -z "$ids" ] || e inspect --type container --format '{{.Id}} {{.Name}} {{.State.Running}} {{index .Config.Labels "jiji.service"}}' $ids 2>/dev/null
  return 0
}

# failed N: prints what the engine said when it could not print the logs of a container.
failed() {
  cat "$dir/$1.messages" >&2 2>/dev/null || echo "$engine cannot print the logs of a container" >&2
  exit 1
}

list >"$dir/list" || exit 1

if [ "$follow" != yes ]; then
  files='' all=''
  while read -r id name runs service; do
    container "$id" "$name" "$runs" "$service" || continue
    mkfifo "$dir/$n" || exit 1
    { e logs --timestamps ${tail:+--tail "$tail"} ${since:+--since "$since"} ${until:+--until "$until"} "$id" 2>&1 || echo "$?" >"$dir/$n.failed"; } </dev/null | tag "$n" >"$dir/$n" &
    files="$files $dir/$n" all="$all $n:$id"
  done <"$dir/list"
  [ -z "$files" ] || sort -m -s -k 1,1 $files || exit 1
  for each in $all; do
    # A deploy may have removed it meanwhile.
    [ ! -e "$dir/${each%%:*}.failed" ] || ! e inspect --type container "${each#*:}" >/dev/null 2>&1 || failed "${each%%:*}"
  done
  exit 0
fi

# follow_one N ID SINCE: until the container stops.
follow_one() {
  rm -f "$dir/$1.ended"
  if [ "$engine" = podman ]; then
    # `podman logs` misses the last lines of a container that is removed as soon as it has stopped, as in a deploy. An open
    # file keeps them. If podman replaces the file at some size, read it by podman nevertheless.
    file=$(e inspect --type container --format '{{.HostConfig.LogConfig.Type}} {{.HostConfig.LogConfig.Size}} {{.HostConfig.LogConfig.Path}}' "$2" 2>/dev/null)
    case $file in
      'k8s-file 0B /'*)
        file=${file#* * }
        if [ -r "$file" ]; then
          sh -c 'echo "$$ $3" >"$1"; exec tail -n +1 -f "$2"' sh "$dir/$1.tail" "$file" "$2" </dev/null 2>/dev/null | tag "$1" "$3" &
          return
        fi
        ;;
    esac
  fi
  {
    {
      e logs --timestamps --follow ${3:+--since "$3"} "$2" 2>&1
      echo "$? $(date +%s)" >"$dir/$1.code"
    } </dev/null | tag "$1"
    # Now all its lines are printed.
    mv "$dir/$1.code" "$dir/$1.ended"
  } &
}

before=''
while :; do
  while read -r id name runs service; do
    last=$count
    container "$id" "$name" "$runs" "$service" || continue
    if [ "$n" -gt "$last" ]; then
      since=''
      for each in $known; do
        case $each in "$id="*) since=${each#*=} ;; esac
      done
      follow_one "$n" "$id" "$since"
    elif [ "$runs" = true ] && [ -e "$dir/$n.ended" ]; then
      read -r code at <"$dir/$n.ended"
      [ "$code" = 0 ] || failed "$n"
      # It has started again. The line says so to jiji, which drops lines that it has already.
      printf '= %s %s %s %s\n' "$n" "$id" "${name#/}" "$service"
      follow_one "$n" "$id" "$((at - 5))"
    fi
  done <"$dir/list"
  # Nobody writes to the file of a container that is gone. Before, `tail` has had the time to read its end.
  for each in "$dir"/*.gone; do
    [ ! -e "$each" ] || ! read -r pid id <"$each" || kill "$pid"
    rm -f "$each"
  done 2>/dev/null
  for each in "$dir"/*.tail; do
    [ ! -e "$each" ] || ! read -r pid id <"$each" || grep -q "$id" "$dir/list" || mv "$each" "${each%.tail}.gone"
  done 2>/dev/null
  # In the background, because the shell runs traps only after a foreground program has exited.
  sleep "${every:-2}" &
  wait $!
  now=$(states) || { echo "$engine does not list containers any more" >&2; exit 1; }
  set -- "$dir"/*.ended "$dir"/*.gone
  [ "$now" != "$before" ] || [ "$*" != "$dir/*.ended $dir/*.gone" ] || continue
  before=$now
  list >"$dir/list" || exit 1
done
