import { Effect, type Scope } from "effect"
import type { Server } from "../../config/Project.ts"
import type { Events } from "../../core/Events.ts"
import type { Command, Process } from "../processes/Command.ts"
import type { Ssh, TerminalSize } from "../ssh/Ssh.ts"
import type { SshError } from "../ssh/SshError.ts"
import { afterLine, bootstrap, type LoginShellFailed, startAfterMark } from "./loginShell.ts"
import { cleanupNotes, exportLines, quote } from "./remote.ts"

/** A terminal for a command. */
export interface TerminalOptions extends TerminalSize {
  /** The value of TERM, such as `xterm-256color`. */
  readonly term: string
}

/** A running command that its caller writes to. Read both outputs, or the command blocks: they have back-pressure. */
export interface Interaction<E> extends Process<E> {
  /** Waits until the command, or a buffer before it, has taken the bytes. */
  write(bytes: Uint8Array): Effect.Effect<void, E>
  readonly end: Effect.Effect<void>
  /** Tells the command that its terminal has another size now. Without a terminal, nothing happens. */
  resize(size: TerminalSize): Effect.Effect<void>
}

type InteractError = SshError | LoginShellFailed

/** A command in a terminal. The words travel encoded, since the login shell may be any shell. They must not be secret. */
const inTerminal = Effect.fnUntraced(function* (
  ssh: Ssh["Service"],
  server: Server,
  command: Command,
  terminal: TerminalOptions
) {
  const script = [...(yield* exportLines(command)), `exec ${yield* quote(command.words)}`].join("\n")
  const encoded = Buffer.from(script).toString("base64")
  // Its start files may print and ask what they like, as in a login by hand: a person can answer.
  const line = `exec sh -c 'script=$(printf %s "$1" | base64 -d) || exit; eval "$script"' sh ${encoded}`
  return yield* ssh.openTerminal(server, line, terminal)
})

/** A command without a terminal. Its script comes first on stdin. */
const inPipes = Effect.fnUntraced(function* (
  ssh: Ssh["Service"],
  events: Events["Service"],
  server: Server,
  command: Command
): Effect.fn.Return<Interaction<InteractError>, InteractError, Scope.Scope> {
  const id = `jiji-${crypto.randomUUID()}`
  const go = `${id}-go`
  const input = command.stdin === undefined ? "" : `exec 3<&0 </dev/null\nprintf %s ${yield* quote([command.stdin])}|`
  const script = [
    ...(yield* exportLines(command)),
    `set -- sh -c 'exec "$@"' sh ${yield* quote(command.words)}`,
    // In a session of its own, because a server may kill the process group of a session as soon as its connection closes.
    'command -v setsid >/dev/null 2>&1&&set -- setsid "$@"',
    `echo ${go}`,
    `${input}"$@"\n`
  ].join("\n")
  const { input: before, line } = bootstrap(Buffer.byteLength(script), id, { hasInput: false })
  const child = yield* ssh.exec(server, line, {
    stopping: yield* cleanupNotes(events, server.name, command)
  })
  // Do not wait: a shell that reads nothing would block it.
  yield* Effect.forkScoped(Effect.ignore(child.write(Buffer.from(before + script))))
  const started = yield* startAfterMark(events, server.name, id, child)
  // `head` may read more than the script from a pipe, so nothing follows before the script runs.
  const stdout = yield* afterLine(started.stdout, go)
  return { ...started, stdout, write: child.write, end: child.end, resize: () => Effect.void }
})

/** Starts a command on a server, for {@link Shell}. */
export const interact = (
  ssh: Ssh["Service"],
  events: Events["Service"],
  server: Server,
  command: Command,
  terminal: TerminalOptions | undefined
): Effect.Effect<Interaction<InteractError>, InteractError, Scope.Scope> =>
  terminal === undefined ? inPipes(ssh, events, server, command) : inTerminal(ssh, server, command, terminal)
