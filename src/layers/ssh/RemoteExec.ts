import * as NodeStream from "@effect/platform-node-shared/NodeStream"
import { Deferred, type Duration, Effect, Exit, Scope, Semaphore, Stream } from "effect"
import { constants } from "node:os"
import type { Readable } from "node:stream"
import type { ClientChannel } from "ssh2"
import type { RemoteProcess } from "./Ssh.ts"
import { ConnectionLost, RemoteExecFailed } from "./SshError.ts"
import type { Connection } from "./Connection.ts"

/** A command that the server has started. */
interface Running {
  readonly channel: ClientChannel
  readonly exit: Deferred.Deferred<number>
  /** Done once the server has closed the channel. */
  readonly closed: Deferred.Deferred<void>
}

const signals: Readonly<Record<string, number>> = constants.signals

/** What a shell makes of a command that a signal ended. */
const codeOf = (code: number | null, signal: string | undefined): number => code ?? 128 + (signals[signal ?? ""] ?? 0)

const start = (connection: Connection, line: string) =>
  Effect.callback<Running, RemoteExecFailed>((resume) => {
    const { client, lost, running, server } = connection
    const slot = {}
    const refuse = (cause: unknown) => {
      running.delete(slot)
      resume(Effect.fail(new RemoteExecFailed({ server, cause })))
    }
    let abandoned = false
    running.add(slot)
    try {
      client.exec(line, (error, channel) => {
        if (error) return refuse(error)
        const exit = Deferred.makeUnsafe<number>()
        const closed = Deferred.makeUnsafe<void>()
        channel.on("exit", (code: number | null, signal?: string) => {
          Deferred.doneUnsafe(exit, Effect.succeed(codeOf(code, signal)))
        })
        channel.on("close", () => {
          running.delete(slot)
          Deferred.doneUnsafe(closed, Effect.void)
          // Without an exit status nobody knows what became of the command, which is no success: `ssh` exits 255 then.
          if (!Deferred.isDoneUnsafe(lost)) Deferred.doneUnsafe(exit, Effect.succeed(255))
        })
        // A write to a command that has ended already; its exit code tells more.
        channel.on("error", () => {})
        if (abandoned) {
          channel.resume()
          channel.stderr.resume()
          return void channel.close()
        }
        resume(Effect.succeed({ channel, exit, closed }))
      })
    } catch (cause) {
      refuse(cause)
    }
    return Effect.sync(() => (abandoned = true))
  })

/**
 * Ends a command: its input first, which is what a command waits for that is told to end, and after a time by closing
 * the channel. Its unread output is thrown away, or it could wait for a reader for ever.
 */
const stop = Effect.fnUntraced(function* (
  connection: Connection,
  { channel, closed, exit }: Running,
  grace: Duration.Duration
) {
  if (!channel.writableEnded) channel.end()
  channel.resume()
  channel.stderr.resume()
  const limit = Deferred.isDoneUnsafe(exit) ? "500 millis" : grace
  const gone = Effect.raceFirst(Deferred.await(closed), Effect.ignore(Deferred.await(connection.lost)))
  // A finalizer cannot be interrupted, and the time limit needs something that can.
  yield* Effect.timeoutOption(Effect.interruptible(gone), limit)
  channel.close()
})

/** Whether a channel was refused for want of room (RFC 4254, 5.1): sshd says "connect failed", others "resource shortage". */
const isFull = (cause: unknown): boolean =>
  cause instanceof Error && "reason" in cause && (cause.reason === 2 || cause.reason === 4)

/** A slot among the commands that run on this connection, and the command in it. */
const open = (
  connection: Connection,
  line: string,
  grace: Duration.Duration
): Effect.Effect<Running, RemoteExecFailed | ConnectionLost, Scope.Scope> =>
  Effect.gen(function* () {
    const slot = yield* Scope.fork(yield* Effect.scope)
    yield* Semaphore.takeScoped(connection.sessions, 1).pipe(Scope.provide(slot))
    const others = connection.running.size
    const started = yield* Effect.acquireRelease(
      start(connection, line),
      (running) => stop(connection, running, grace),
      {
        interruptible: true
      }
    ).pipe(Effect.raceFirst(Deferred.await(connection.lost)), Scope.provide(slot), Effect.result)
    if (started._tag === "Success") return started.success
    yield* Scope.close(slot, Exit.void)
    if (Deferred.isDoneUnsafe(connection.lost)) return yield* Deferred.await(connection.lost)
    if (others === 0 || !isFull(started.failure.cause)) return yield* started.failure
    // The server takes fewer commands at once than was thought (MaxSessions): wait for one of those that run.
    yield* connection.sessions.resize(Math.max(1, connection.running.size))
    return yield* open(connection, line, grace)
  })

/** Starts a command line; the command is ended with the scope. */
export const exec = Effect.fnUntraced(function* (connection: Connection, line: string, grace: Duration.Duration) {
  const { channel, exit } = yield* open(connection, line, grace)
  const lost = Deferred.await(connection.lost)
  const isLost = Effect.suspend(() => (Deferred.isDoneUnsafe(connection.lost) ? lost : Effect.void))
  const ended = Effect.raceFirst(Deferred.await(exit), lost)

  // A channel that ends with its connection looks like one whose command is done: the difference is made here.
  const output = (readable: Readable) =>
    NodeStream.fromReadable<Uint8Array, ConnectionLost>({
      evaluate: () => readable,
      onError: (cause) => new ConnectionLost({ server: connection.server, cause }),
      closeOnDone: false
    }).pipe(Stream.concat(Stream.drain(Stream.fromEffect(isLost))))

  const process: RemoteProcess = {
    stdout: output(channel),
    stderr: output(channel.stderr),
    write: (bytes) =>
      Effect.callback<void>((resume) => {
        if (channel.writableEnded) return resume(Effect.void)
        // Called back once the server has room for it all.
        channel.write(bytes, () => resume(Effect.void))
      }).pipe(Effect.raceFirst(Effect.asVoid(ended))),
    end: Effect.sync(() => {
      if (!channel.writableEnded) channel.end()
    }),
    exitCode: Effect.suspend(() => (Deferred.isDoneUnsafe(exit) ? Deferred.await(exit) : ended))
  }
  return process
})
