# signal_all SIGNAL: signals the processes of a session, wherever they run on this server: they have JIJI_EXEC=$tag in their
# environment. Fails if there are none. Scripts that know more processes define it anew.
signal_all() { tagged "$1"; }
tagged() {
  grep -ls "JIJI_EXEC=$tag" /proc/[0-9]*/environ 2>/dev/null | {
    code=1
    while IFS=/ read -r _ _ pid _; do
      # One that has exited in the meantime does not count.
      ! kill "-$1" "$pid" 2>/dev/null || code=0
    done
    exit $code
  }
}
# hang_up: ends a session that is cut off. Its processes get SIGHUP, as from a terminal that closes. Without a terminal,
# whatever is left is then killed. All but the first signal goes on in the background, so that jiji need not wait.
hang_up() {
  signal_all HUP
  (
    # More than once: an engine may be about to start the command.
    for pause in 0.2 0.5 2; do
      sleep $pause
      signal_all HUP
    done
    [ "$terminal" != yes ] || exit
    for signal in TERM TERM KILL; do
      signal_all $signal || exit
      sleep 1
    done
  ) </dev/null >/dev/null 2>&1 3<&- &
}
# wait_for_end: waits until jiji says on fd 3 that the session is over. Without that word, the connection is lost, or jiji has
# stopped: then it fails.
wait_for_end() {
  while read -r line <&3; do
    [ "$line" != done ] || return 0
  done
  return 1
}

