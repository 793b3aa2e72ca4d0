import { Effect, type Redacted, type Scope } from "effect"
import { CommandLine } from "effect/process"
import type { Server } from "../../config/Project.ts"
import type { Command, Process } from "../processes/Command.ts"
import type { Ssh } from "../ssh/Ssh.ts"
import type { SshError } from "../ssh/SshError.ts"

/**
 * What the login shell of a server is asked to run, whatever that shell is: a `sh` that evaluates as many bytes as it is
 * told. So what the command is given in its environment and on its input stands in no process list, and there is no limit
 * on how long it is.
 */
const bootstrap = (bytes: number): string => `exec sh -c 'eval "$(head -c $1)"' jiji ${bytes}`

/**
 * Runs the words in the background and waits. When stdin ends, because jiji gave the command up or is gone, the command
 * is told to end, and what it has left running with it: sshd by itself lets them run on. The command alone is told
 * first, so that a script can undo what it began, by itself and in its own order.
 */
const supervised = (input: string) => [
  "exec 3<&0 </dev/null",
  // A group of its own, where there is a way to make one. `sh` finds a missing program by its own rules, with 127.
  'command -v setsid >/dev/null 2>&1&&set -- setsid sh -c \'exec "$@"\' sh "$@"',
  `${input}"$@" 3<&- & c=$! g=`,
  // What follows has nothing to say, and may outlive whoever reads.
  "exec >/dev/null 2>&1",
  "trap 'g=1;kill -TERM $c' TERM INT HUP",
  "(while read -r _;do :;done;kill -TERM $$) <&3 3<&- & w=$!",
  "exec 3<&-",
  // A trap cuts `wait` short, with a code like that of a command that a signal ended.
  "while :;do wait $c;r=$?;[ $r -gt 128 ]&&kill -0 $c||break;done",
  '[ -z "$g" ]||kill -TERM -$c',
  "kill $w",
  "exit $r"
]

const quoted = (words: ReadonlyArray<string | Redacted.Redacted<string>>): Effect.Effect<string> =>
  // Only a NUL byte cannot be quoted, and no word of jiji's has one: the config's schema refuses it.
  Effect.orDie(Effect.fromResult(CommandLine.join(words, { format: "posix" })))

/** What a server's `sh` evaluates: the environment, the words, their input, and how to run them. */
export const prelude = Effect.fnUntraced(function* (command: Command) {
  const exports = yield* Effect.forEach(Object.entries(command.env ?? {}), ([name, value]) =>
    Effect.map(quoted([value]), (text) => `export ${name}=${text}`)
  )
  const set = `set -- ${yield* quoted(command.words)}`
  // stdin itself is where the end of the connection shows, so a command's own input comes with the rest.
  const input = command.stdin === undefined ? "" : `printf %s ${yield* quoted([command.stdin])}|`
  return `${[...exports, set, ...supervised(input)].join("\n")}\n`
})

/** Starts a command on a server. */
export const startRemote = Effect.fnUntraced(function* (
  ssh: Ssh["Service"],
  server: Server,
  command: Command
): Effect.fn.Return<Process<SshError>, SshError, Scope.Scope> {
  const text = Buffer.from(yield* prelude(command))
  const child = yield* ssh.exec(server, bootstrap(text.length))
  yield* child.write(text)
  return child
})
