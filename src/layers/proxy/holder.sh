# holder PORT: prints what listens on a TCP port; nothing if nothing does.
holder() {
  container=$(e ps --format '{{.Names}} {{.Ports}}' | grep -E "[^0-9]$1->" | head -n 1)
  [ -z "$container" ] || { echo "the container ${container%% *}"; return; }
  hex=$(printf ':%04X' "$1") inode=''
  for table in /proc/net/tcp /proc/net/tcp6; do
    [ -r "$table" ] || continue
    while read -r _ address _ status _ _ _ _ _ number _; do
      case "$address $status" in *"$hex 0A") inode=$number && break ;; esac
    done <"$table"
    [ -z "$inode" ] || break
  done
  [ -n "$inode" ] || return 0
  # The kernel shows the files of other users' processes to root only.
  ls -l /proc/[0-9]*/fd/ 2>/dev/null | {
    process='' name=''
    while read -r line; do
      case $line in
        /proc/*) process=${line#/proc/} && process=${process%%/*} ;;
        *"socket:[$inode]") read -r name 2>/dev/null <"/proc/$process/comm" && break ;;
      esac
    done
    if [ -n "$name" ]; then echo "$name (process $process)"; else echo 'another program'; fi
  }
}
