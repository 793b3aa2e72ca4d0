# Engines say how many bytes they have moved on a terminal, and nowhere else.
# on_terminal LINE: becomes a shell that runs the line with a terminal for its output, where $told is yes and this machine
# can make one; without one otherwise. The line sees exported variables, has an empty input, begins with `exec $apart`, and
# what it writes to 9 goes around the terminal, to stderr. To be called in the background.
on_terminal() {
  exec 9>&2
  # Only the `script` of util-linux hands on how the line ended.
  [ "$told" != yes ] || SHELL=/bin/sh script -qec 'setsid sh -c "exit 7"' /dev/null </dev/null >/dev/null 2>&1
  if [ $? = 7 ]; then
    # Nobody is there to take a hint or to answer a question: the engine is in a session of its own, which has no /dev/tty
    # to ask on. Podman shows no more transfers than the terminal has rows.
    # The shell runs the line; the user's own may be of another kind.
    export DOCKER_CLI_HINTS=false apart=setsid SHELL=/bin/sh
    # Told to end, `script` tells its shell, and kills it after two seconds however soon that has ended; killed, it leaves
    # that a hangup.
    ending='exec 2>/dev/null; kill $!; n=15; while [ $n -gt 0 ] && kill -0 $!; do n=$((n - 1)); sleep 0.1; done'
    ending=$ending'; [ $n -gt 0 ] || kill -KILL $!; kill -KILL $PPID'
    exec script -qefc "stty cols 100 rows 200; exec </dev/null; { $1; } & trap '$ending' TERM HUP; wait \$!" /dev/null </dev/null
  fi
  eval "$1"
}

