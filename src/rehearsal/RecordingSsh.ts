import { Context, Deferred, Effect, Exit, Layer, Scope, Semaphore } from "effect"
import type { Server } from "../config/Project.ts"
import { remote } from "../layers/shell/Machine.ts"
import { Ssh } from "../layers/ssh/Ssh.ts"
import { ConnectionLost, type SshError } from "../layers/ssh/SshError.ts"
import { Events } from "../core/Events.ts"
import * as Resource from "../core/Resource.ts"
import { Recording } from "./Recording.ts"
import type { Script } from "./Script.ts"
import type { Forwarded } from "./Answer.ts"

/** A simulated open connection. */
interface OpenConnection {
  readonly server: string
  readonly isNew: boolean
  readonly lost: Deferred.Deferred<never, ConnectionLost>
  readonly scope: Scope.Closeable
}

/** Simulated connections to servers: opened on first use and shared. After one is lost, the next use opens a new one. */
export class Connections extends Context.Service<
  Connections,
  {
    open(server: Server): Effect.Effect<OpenConnection, SshError>
    /** Runs an effect over a server's connection. Fails if the connection is lost. */
    useConnection<A, E>(server: Server, effect: Effect.Effect<A, E>): Effect.Effect<A, E | SshError>
    /** Simulates the loss of a connection: everything that runs over it fails. */
    lose(connection: OpenConnection): Effect.Effect<never, ConnectionLost>
  }
>()("jiji/rehearsal/Connections") {}

const connections = (script: Script) =>
  Layer.effect(
    Connections,
    Effect.gen(function* () {
      const recording = yield* Recording
      const events = yield* Events
      const parent = yield* Effect.scope
      const all = new Map<string, OpenConnection>()
      const locks = new Map<string, Semaphore.Semaphore>()
      const lockOf = (name: string): Semaphore.Semaphore => {
        const semaphore = locks.get(name) ?? Semaphore.makeUnsafe(1)
        locks.set(name, semaphore)
        return semaphore
      }

      const connect = Effect.fnUntraced(function* (server: Server) {
        const existing = all.get(server.name)
        if (existing !== undefined) return existing
        yield* recording.add({ _tag: "Connect", machine: remote(server) })
        const scope = yield* Scope.fork(parent)
        const acquire = script.connect(server) ?? Effect.succeed({ isNew: false })
        const { isNew } = yield* Resource.acquire(`connection to ${server.name}`, acquire, () => Effect.void).pipe(
          Effect.provideService(Events, events),
          Scope.provide(scope)
        )
        const open: OpenConnection = {
          server: server.name,
          isNew,
          lost: yield* Deferred.make<never, ConnectionLost>(),
          scope
        }
        all.set(server.name, open)
        return open
      })
      const open = (server: Server) => lockOf(server.name).withPermits(1)(connect(server))

      const lose = Effect.fnUntraced(function* (connection: OpenConnection) {
        const { lost, scope, server } = connection
        const error = new ConnectionLost({ server })
        if (all.get(server) === connection) {
          all.delete(server)
          yield* Scope.close(scope, Exit.void)
          yield* Deferred.fail(lost, error)
        }
        return yield* error
      })

      return Connections.of({
        open,
        lose,
        useConnection: Effect.fnUntraced(function* (server, effect) {
          const connection = yield* open(server)
          return yield* Effect.raceFirst(effect, Deferred.await(connection.lost)).pipe(
            Effect.tapError((error) => (error instanceof ConnectionLost ? lose(connection) : Effect.void))
          )
        })
      })
    })
  )

const ssh = (script: Script) =>
  Layer.effect(
    Ssh,
    Effect.gen(function* () {
      const recording = yield* Recording
      const events = yield* Events
      const { lose, open } = yield* Connections
      return Ssh.of({
        connect: (server) => Effect.map(open(server), ({ isNew }) => ({ isNew })),
        exec: () => Effect.die(new Error("commands go through the Shell")),
        openTerminal: () => Effect.die(new Error("commands go through the Shell")),
        forwardAgent: () => Effect.void,
        dial: () => Effect.die(new Error("a simulated server has no sockets")),
        forward: Effect.fnUntraced(
          function* (server, { port: wanted }) {
            const connection = yield* open(server)
            yield* recording.add({ _tag: "Forward", machine: remote(server), port: wanted })
            const granted = script.forward(server, wanted) ?? Effect.succeed<Forwarded>({ port: wanted })
            const acquire = Effect.tapError(granted, (error) =>
              error instanceof ConnectionLost ? lose(connection) : Effect.void
            )
            const { lostAfter, port } = yield* Resource.acquire(
              `reverse forward from ${server.name}`,
              acquire,
              () => Effect.void
            )
            if (lostAfter !== undefined)
              yield* Effect.forkScoped(Effect.delay(Effect.ignore(lose(connection)), lostAfter))
            return { port, lost: Deferred.await(connection.lost), carried: Effect.succeed(0) }
          },
          Effect.provideService(Events, events)
        )
      })
    })
  )

/** A recording version of {@link Ssh}, with servers that answer from a script. */
export const layer = (script: Script) => ssh(script).pipe(Layer.provideMerge(connections(script)))
