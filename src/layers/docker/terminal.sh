# Engines say how many bytes they have moved on a terminal, and nowhere else.
# on_terminal LINE: becomes a shell that runs the line on a terminal of its own, where this machine can make one; without
# one otherwise. The line sees exported variables, has an empty input, and what it writes to 9 goes around the terminal,
# to stderr. To be called in the background.
on_terminal() {
  exec 9>&2
  # The shell that runs the line; the user's own may be of another kind.
  export SHELL=/bin/sh
  # Only the `script` of util-linux hands on how the line ended.
  script -qec 'exit 7' /dev/null </dev/null >/dev/null 2>&1
  if [ $? = 7 ]; then
    # Nobody is there to take a hint or to answer a question. Podman shows no more transfers than the terminal has rows.
    export DOCKER_CLI_HINTS=false
    # Told to end, `script` tells its shell, and would then wait for two seconds whatever that does.
    ending='kill $!; wait $!; kill -KILL $PPID'
    exec script -qefc "stty cols 100 rows 200; exec </dev/null; { $1; } & trap '$ending' TERM; wait \$!" /dev/null </dev/null
  fi
  eval "$1"
}

