import { Deferred, Effect } from "effect"
import { ForwardRefused } from "./SshError.ts"
import { CurrentPath, Events } from "../../core/Events.ts"
import * as Resource from "../../core/Resource.ts"
import type { Connection } from "./Connection.ts"
import type { Forward, LocalEnd } from "./Ssh.ts"

const address = "127.0.0.1"

interface Options {
  /** On the server. */
  readonly port: number
  readonly to: LocalEnd
}

/** Asks the server to listen on a port of its loopback address. Returns the port; for 0 the server chooses one. */
const request = (connection: Connection, port: number, options: Options) =>
  Effect.callback<number, ForwardRefused>((resume) => {
    const { client, listeners, server } = connection
    const refuse = (cause: unknown) => resume(Effect.fail(new ForwardRefused({ server, port: options.port, cause })))
    let abandoned = false
    try {
      client.forwardIn(address, port, (error, granted) => {
        if (error) return refuse(error)
        // Interrupted in the meantime. Release the port, or it stays open as long as the connection.
        if (abandoned) return void cancel(connection, granted, () => {})
        // Add the listener synchronously: the first connection may arrive in the same packet.
        listeners.add(granted, options.to)
        resume(Effect.succeed(granted))
      })
    } catch (cause) {
      refuse(cause)
    }
    return Effect.sync(() => (abandoned = true))
  })

const cancel = (connection: Connection, port: number, done: () => void): void => {
  connection.listeners.remove(port)
  if (Deferred.isDoneUnsafe(connection.lost)) return done()
  try {
    connection.client.unforwardIn(address, port, done)
  } catch {
    // The connection has closed in the meantime, and the port with it.
    done()
  }
}

/** Forwards a port of the server's loopback address to this machine until the scope closes. */
export const forward = Effect.fnUntraced(function* (connection: Connection, options: Options) {
  const { server } = connection
  const lost = Deferred.await(connection.lost)
  const acquire = request(connection, options.port, options).pipe(
    // The port is in use, or this user may not open it. Any other port will do for the caller.
    Effect.catch(() => request(connection, 0, options)),
    // If the connection is lost, report that instead of a refusal by the server.
    Effect.tapError(() => (Deferred.isDoneUnsafe(connection.lost) ? lost : Effect.void)),
    Effect.raceFirst(lost)
  )
  const release = (port: number) =>
    Effect.callback<void>((resume) => cancel(connection, port, () => resume(Effect.void)))
  const port = yield* Resource.acquire(`reverse forward from ${server}`, acquire, release)
  const carried = Effect.sync(() => connection.listeners.carried(port))
  const carriedOf = (repository: string) => Effect.sync(() => connection.listeners.carriedOf(port, repository))
  const { publish } = yield* Events
  const path = yield* CurrentPath
  yield* Effect.addFinalizer(() =>
    Effect.flatMap(carried, (bytes) => publish({ _tag: "StepProgress", label: "carried", bytes })).pipe(
      Effect.provideService(CurrentPath, path)
    )
  )
  return { port, lost, carried, carriedOf } satisfies Forward
})
