import * as NodeStream from "@effect/platform-node-shared/NodeStream"
import { Deferred, Effect, Exit, Option, Scope, Semaphore, Stream } from "effect"
import { constants } from "node:os"
import type { Readable } from "node:stream"
import type { ClientChannel } from "ssh2"
import type { RemoteProcess, RemoteTerminal, Stopping, TerminalSize } from "./Ssh.ts"
import { ConnectionLost, RemoteExecFailed, TerminalRefused } from "./SshError.ts"
import type { Connection } from "./Connection.ts"

/** A command that the server is running. */
interface RunningCommand {
  readonly channel: ClientChannel
  readonly exit: Deferred.Deferred<number>
  /** Completes when the server closes the channel. */
  readonly closed: Deferred.Deferred<void>
}

const signals: Readonly<Record<string, number>> = constants.signals

/** The exit code, in the shell's convention of 128 + signal for a command that a signal killed. */
const exitCodeOf = (code: number | null, signal: string | undefined): number =>
  code ?? 128 + (signals[signal ?? ""] ?? 0)

/** A terminal for a command. */
interface Terminal extends TerminalSize {
  /** The value of TERM, such as `xterm-256color`. */
  readonly term: string
}

const window = ({ columns, rows }: TerminalSize) => ({ cols: columns, rows, width: 0, height: 0 })

const start = (connection: Connection, line: string, terminal?: Terminal) =>
  Effect.callback<RunningCommand, RemoteExecFailed | TerminalRefused>((resume) => {
    const { client, lost, running, server } = connection
    const slot = {}
    const refuse = (cause: unknown) => {
      running.delete(slot)
      const refused = terminal !== undefined && cause instanceof Error && cause.message.includes("pseudo-terminal")
      resume(Effect.fail(refused ? new TerminalRefused({ server }) : new RemoteExecFailed({ server, cause })))
    }
    let abandoned = false
    running.add(slot)
    try {
      const pty = terminal === undefined ? {} : { pty: { ...window(terminal), term: terminal.term } }
      client.exec(line, { env: { ...connection.env }, ...pty }, (error, channel) => {
        if (error) return refuse(error)
        const exit = Deferred.makeUnsafe<number>()
        const closed = Deferred.makeUnsafe<void>()
        channel.on("exit", (code: number | null, signal?: string) => {
          Deferred.doneUnsafe(exit, Effect.succeed(exitCodeOf(code, signal)))
        })
        channel.on("close", () => {
          running.delete(slot)
          Deferred.doneUnsafe(closed, Effect.void)
          // The server did not report an exit status, so the command may have failed. `ssh` exits with 255 then.
          if (!Deferred.isDoneUnsafe(lost)) Deferred.doneUnsafe(exit, Effect.succeed(255))
        })
        // A write to a command that has already exited. Its exit code says more than this error.
        channel.on("error", () => {})
        if (abandoned) {
          channel.resume()
          channel.stderr.resume()
          return void channel.close()
        }
        connection.hasStarted = true
        resume(Effect.succeed({ channel, exit, closed }))
      })
    } catch (cause) {
      refuse(cause)
    }
    return Effect.sync(() => (abandoned = true))
  })

/**
 * Stops a command: closes its stdin, which asks it to stop, and closes the channel if it has not exited in time.
 * Discards unread output, because otherwise the command could block on it forever.
 */
const stop = Effect.fnUntraced(function* (
  connection: Connection,
  { channel, closed, exit }: RunningCommand,
  { onEnd, onStart, timeout }: Stopping
) {
  const isRunning = !Deferred.isDoneUnsafe(exit)
  if (!channel.writableEnded) channel.end()
  if (isRunning && !Deferred.isDoneUnsafe(connection.lost)) yield* onStart
  channel.resume()
  channel.stderr.resume()
  const limit = isRunning ? timeout : "500 millis"
  const gone = Effect.raceFirst(Deferred.await(closed), Effect.ignore(Deferred.await(connection.lost)))
  // Finalizers are uninterruptible, but the timeout must be able to interrupt this wait.
  const ended = yield* Effect.timeoutOption(Effect.interruptible(gone), limit)
  if (isRunning) yield* onEnd(Option.isSome(ended) && !Deferred.isDoneUnsafe(connection.lost))
  channel.close()
})

/** Whether the server has no free session (RFC 4254, 5.1): sshd reports "connect failed" (2), others "resource shortage" (4). */
const isResourceShortage = (cause: unknown): boolean =>
  cause instanceof Error && "reason" in cause && (cause.reason === 2 || cause.reason === 4)

/** Waits for a free session on this connection and starts the command in it. */
const open = (
  connection: Connection,
  line: string,
  stopping: Stopping,
  terminal?: Terminal,
  attempts = 20
): Effect.Effect<RunningCommand, RemoteExecFailed | TerminalRefused | ConnectionLost, Scope.Scope> =>
  Effect.gen(function* () {
    const slot = yield* Scope.fork(yield* Effect.scope)
    yield* Semaphore.takeScoped(connection.sessions, 1).pipe(Scope.provide(slot))
    const others = connection.running.size
    const started = yield* Effect.acquireRelease(
      start(connection, line, terminal),
      (running) => stop(connection, running, stopping),
      {
        interruptible: true
      }
    ).pipe(Effect.raceFirst(Deferred.await(connection.lost)), Scope.provide(slot), Effect.result)
    if (started._tag === "Success") return started.success
    yield* Scope.close(slot, Exit.void)
    if (Deferred.isDoneUnsafe(connection.lost)) return yield* Deferred.await(connection.lost)
    if (started.failure._tag === "TerminalRefused" || !isResourceShortage(started.failure.cause)) {
      return yield* started.failure
    }
    if (others > 0) {
      // The others would never end by themselves.
      if (connection.givingWay.size === others) for (const end of connection.givingWay) end()
      // The server allows fewer sessions than we assumed (MaxSessions). Lower the limit and wait for a running command.
      yield* connection.sessions.resize(Math.max(1, connection.running.size))
      return yield* open(connection, line, stopping, terminal, attempts)
    }
    // A busy sshd frees a session some time after its channel has closed. If it never started a command, it has none at all.
    if (!connection.hasStarted || attempts === 0) return yield* started.failure
    yield* Effect.sleep("100 millis")
    return yield* open(connection, line, stopping, terminal, attempts - 1)
  })

/** The outputs, the input and the end of a running command. */
const processOf = (connection: Connection, { channel, exit }: RunningCommand): RemoteProcess => {
  const lost = Deferred.await(connection.lost)
  const failIfLost = Effect.suspend(() => (Deferred.isDoneUnsafe(connection.lost) ? lost : Effect.void))
  const ended = Effect.raceFirst(Deferred.await(exit), lost)

  // When the connection is lost, a channel ends just as if its command had exited. Fail in that case.
  const output = (readable: Readable) =>
    NodeStream.fromReadable<Uint8Array, ConnectionLost>({
      evaluate: () => readable,
      onError: (cause) => new ConnectionLost({ server: connection.server, cause }),
      closeOnDone: false
    }).pipe(Stream.concat(Stream.drain(Stream.fromEffect(failIfLost))))

  return {
    stdout: output(channel),
    stderr: output(channel.stderr),
    write: (bytes) =>
      Effect.callback<void>((resume) => {
        if (channel.writableEnded) return resume(Effect.void)
        // Calls back when the server's window had room for all bytes.
        channel.write(bytes, () => resume(Effect.void))
      }).pipe(Effect.raceFirst(Effect.asVoid(ended))),
    end: Effect.sync(() => {
      if (!channel.writableEnded) channel.end()
    }),
    exitCode: Effect.suspend(() => (Deferred.isDoneUnsafe(exit) ? Deferred.await(exit) : ended))
  }
}

/** Starts a command line. Closing the scope stops the command. */
export const exec = Effect.fnUntraced(function* (
  connection: Connection,
  line: string,
  stopping: Stopping,
  givesWay: boolean
) {
  const running = yield* open(connection, line, stopping)
  if (givesWay) {
    const { channel } = running
    const end = () => void channel.end()
    connection.givingWay.add(end)
    channel.on("close", () => connection.givingWay.delete(end))
  }
  return processOf(connection, running)
})

/** Does not wait: a terminal that closes ends its command. */
const hangUp: Stopping = { timeout: 0, onStart: Effect.void, onEnd: () => Effect.void }

/** Starts a command line in a terminal. Closing the scope closes the terminal, which hangs up on the command. */
export const openTerminal = Effect.fnUntraced(function* (connection: Connection, line: string, terminal: Terminal) {
  const running = yield* open(connection, line, hangUp, terminal)
  const opened: RemoteTerminal = {
    ...processOf(connection, running),
    resize: (size) =>
      Effect.sync(() => {
        const { cols, height, rows, width } = window(size)
        if (running.channel.writable) running.channel.setWindow(rows, cols, height, width)
      })
  }
  return opened
})
