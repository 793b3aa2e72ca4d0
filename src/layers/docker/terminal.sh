# on_terminal LINE: replaces this shell with one that runs LINE. If $progress is yes and this machine has util-linux's
# `script`, the output is a terminal, because engines report transferred bytes only on a terminal. LINE must start with
# `exec $apart`. It sees exported variables and has an empty stdin; file descriptor 9 bypasses the terminal and goes to
# stderr. Call it in the background. Without a terminal, prints `jiji progress hidden`: the engine may be silent for long.
on_terminal() {
  exec 9>&2
  # Only util-linux's `script` returns the exit code of the line. Test it with a made-up code.
  [ "$progress" != yes ] || SHELL=/bin/sh script -qec 'setsid sh -c "exit 7"' /dev/null </dev/null >/dev/null 2>&1
  if [ $? = 7 ]; then
    # No one can read hints or answer prompts, so run the engine in its own session, which has no /dev/tty. Podman shows
    # only as many transfers as the terminal has rows, so use many rows. `script` runs the line with $SHELL, which is not
    # necessarily a POSIX shell.
    export DOCKER_CLI_HINTS=false apart=setsid SHELL=/bin/sh
    # On SIGTERM, `script` signals its shell and always waits two seconds before it kills it. If `script` itself is
    # killed, the shell gets SIGHUP. In both cases, end the engine and then `script`. Set the trap before the engine starts:
    # a shell without it would end alone.
    ending='exec 2>/dev/null; kill $!; n=15; while [ $n -gt 0 ] && kill -0 $!; do n=$((n - 1)); sleep 0.1; done'
    ending=$ending'; [ $n -gt 0 ] || kill -KILL $!; kill -KILL $PPID; exit'
    exec script -qefc "stty cols 100 rows 200; exec </dev/null; trap '$ending' TERM HUP; { $1; } & wait \$!" /dev/null </dev/null
  fi
  [ "$progress" != yes ] || echo 'jiji progress hidden' >&9
  eval "$1"
}

