import { Deferred, Duration, Effect, Stream } from "effect"
import type { Server } from "../../../config/Project.ts"
import type { Command, Output } from "../../processes/Command.ts"
import type { TerminalSize } from "../../ssh/Ssh.ts"
import type { Interaction, TerminalOptions } from "../interact.ts"
import type { Shell, ShellError } from "../Shell.ts"

/** What a person, or a program in their place, has at their end of a session. `E` is how its outputs fail. */
export interface Session<E> {
  /** Absent if the command gets no terminal. */
  readonly terminal?: TerminalOptions & { readonly sizes: Stream.Stream<TerminalSize> }
  /** Ends the command's stdin when it ends. */
  readonly stdin: Stream.Stream<Uint8Array>
  /** In a terminal, all output is stdout. The command is read no faster than these allow. */
  stdout(bytes: Uint8Array): Effect.Effect<void, E>
  stderr(bytes: Uint8Array): Effect.Effect<void, E>
}

/** How long a guard may take to remove what it has made. */
const endTimeout = "15 seconds"

/** Connects a session to a command until the command ends. Returns its exit code. */
const connect = Effect.fnUntraced(function* <E>(child: Interaction<ShellError>, session: Session<E>) {
  const input = Stream.runForEach(session.stdin, child.write).pipe(Effect.andThen(child.end))
  // The command's end, or that of the connection, also ends these.
  yield* Effect.forkScoped(Effect.ignore(input))
  if (session.terminal !== undefined) yield* Effect.forkScoped(Stream.runForEach(session.terminal.sizes, child.resize))
  const read = (output: Interaction<ShellError>["stdout"], write: Session<E>["stdout"]) =>
    Stream.runForEach(output, (bytes) => (bytes.length === 0 ? Effect.void : write(bytes)))
  const outputs = [read(child.stdout, session.stdout), read(child.stderr, session.stderr)]
  yield* Effect.all(outputs, { concurrency: 2, discard: true })
  return yield* child.exitCode
}, Effect.scoped)

/** Starts a guard and waits for its line `ready …`. Returns the rest of that line, or the output of a guard that has failed. */
const startGuard = Effect.fnUntraced(function* (shell: Shell["Service"], server: Server, command: Command) {
  // With a stdin of its own, it gets what jiji writes at fd 3.
  const guard = yield* shell.interact(server, { stdin: "", ...command })
  const ready = yield* Deferred.make<string>()
  let [stdout, stderr] = ["", ""]
  const readStdout = Stream.runForEach(Stream.decodeText(guard.stdout), (text) => {
    stdout += text
    const line = /^ready ?(.*)\n/.exec(stdout)?.[1]
    return line === undefined ? Effect.void : Deferred.succeed(ready, line)
  })
  const readStderr = Stream.runForEach(Stream.decodeText(guard.stderr), (text) => Effect.sync(() => (stderr += text)))
  const ended = Effect.all([readStdout, readStderr], { concurrency: 2, discard: true }).pipe(
    Effect.andThen(guard.exitCode),
    Effect.map((exitCode): Output => ({ stdout, stderr, exitCode }))
  )
  const end = yield* Deferred.make<Output, ShellError>()
  yield* Effect.forkScoped(Deferred.into(ended, end))
  const first = yield* Effect.raceFirst(Deferred.await(ready), Deferred.await(end))
  // A rehearsal's guard ends at once.
  const line = typeof first === "string" ? first : Deferred.isDoneUnsafe(ready) ? yield* Deferred.await(ready) : first
  return { guard, line, end: Deferred.await(end) }
})

/**
 * Runs a command on a server for a session. `guard` runs on the server beside it, and cleans up however the session ends:
 * also if the connection is lost, or jiji is killed. It prints `ready` and what `command` needs to know. `JIJI_EXEC` in the
 * command's environment is the same as its argument `tag`.
 */
export const runGuarded = Effect.fnUntraced(function* <E, F>(
  shell: Shell["Service"],
  server: Server,
  options: {
    readonly guard: Command
    readonly command: (ready: string) => Command
    /** The error of a guard that has failed. */
    readonly failed: (output: Output) => Effect.Effect<never, F>
  },
  session: Session<E>
) {
  const { end, guard, line } = yield* startGuard(shell, server, options.guard)
  if (typeof line !== "string") return yield* options.failed(line)
  // The guard ends it, so nothing is gained by waiting for it.
  const command = { ...options.command(line), cleanup: { timeout: Duration.zero, text: () => undefined } }
  const child = shell.interact(server, command, session.terminal)
  const code = yield* Effect.scoped(Effect.flatMap(child, (started) => connect(started, session)))
  // If the connection is lost now, the command has ended nevertheless, and the guard cleans up by itself.
  const tidied = Effect.andThen(guard.write(Buffer.from("done\n")), end)
  yield* Effect.ignore(Effect.timeoutOption(tidied, endTimeout))
  return code
}, Effect.scoped)
