import { Effect, Redacted, type Scope } from "effect"
import { CommandLine } from "effect/process"
import type { Server } from "../../config/Project.ts"
import type { Command, Process, ShellError } from "../Command.ts"
import type { Ssh } from "../Ssh.ts"

/**
 * What the login shell of a server is asked to run, whatever that shell is: a `sh` that reads as many lines as it is
 * told and evaluates them. So the command, its words and its environment arrive on stdin, and stand in no process list.
 */
const bootstrap = (lines: number): string =>
  `exec sh -c 'n=$(printf "\\n_");n=\${n%_};i=0;p=;while [ $i -lt $1 ];do IFS= read -r l;p=$p$l$n;i=$((i+1));done;eval "$p"' jiji ${lines}`

/**
 * Runs the words in the background and waits. When stdin ends, because jiji gave the command up or is gone, the command
 * is told to end: sshd by itself lets it run on.
 */
const supervised = [
  "exec 3<&0 </dev/null",
  '"$@" 3<&- & c=$!',
  "(while read -r _;do :;done;kill -TERM $c) <&3 >/dev/null 2>&1 3<&- & w=$!",
  "exec 3<&-",
  "wait $c;r=$?",
  "kill $w 2>/dev/null",
  "exit $r"
]

const quoted = (words: ReadonlyArray<string | Redacted.Redacted<string>>): Effect.Effect<string> =>
  // Only a NUL byte cannot be quoted, and no word of jiji's has one: the config's schema refuses it.
  Effect.orDie(Effect.fromResult(CommandLine.join(words, { format: "posix" })))

/** The lines that a server's `sh` evaluates: the environment, the words, and how to run them. */
export const prelude = Effect.fnUntraced(function* (command: Command) {
  const exports = yield* Effect.forEach(Object.entries(command.env ?? {}), ([name, value]) =>
    Effect.map(quoted([value]), (text) => `export ${name}=${text}`)
  )
  const set = `set -- ${yield* quoted(command.words)}`
  const ending = command.stdin === undefined ? supervised : ['exec "$@"']
  return `${[...exports, set, ...ending].join("\n")}\n`
})

/** Starts a command on a server. */
export const startRemote = Effect.fnUntraced(function* (
  ssh: Ssh["Service"],
  server: Server,
  command: Command
): Effect.fn.Return<Process, ShellError, Scope.Scope> {
  const text = yield* prelude(command)
  const child = yield* ssh.exec(server, bootstrap(text.split("\n").length - 1))
  yield* child.write(Buffer.from(text))
  if (command.stdin !== undefined) {
    const { stdin } = command
    yield* child.write(Buffer.from(Redacted.isRedacted(stdin) ? Redacted.value(stdin) : stdin))
    yield* child.end
  }
  return child
})
