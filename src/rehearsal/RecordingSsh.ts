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

/** A connection that a script says is there. */
interface Open {
  readonly server: string
  readonly isNew: boolean
  readonly lost: Deferred.Deferred<never, ConnectionLost>
  readonly scope: Scope.Closeable
}

/** The connections of a script's servers: opened on first use, and shared; one that is lost makes way for a new one. */
export class Connections extends Context.Service<
  Connections,
  {
    open(server: Server): Effect.Effect<Open, SshError>
    /** Does something over the connection of a server, until that is lost. */
    over<A, E>(server: Server, effect: Effect.Effect<A, E>): Effect.Effect<A, E | SshError>
    /** Loses a connection, and with it everything that is done over it. */
    lose(connection: Open): Effect.Effect<never, ConnectionLost>
  }
>()("jiji/rehearsal/Connections") {}

const connections = (script: Script) =>
  Layer.effect(
    Connections,
    Effect.gen(function* () {
      const recording = yield* Recording
      const events = yield* Events
      const parent = yield* Effect.scope
      const all = new Map<string, Open>()
      const turns = new Map<string, Semaphore.Semaphore>()
      const turn = (name: string): Semaphore.Semaphore => {
        const semaphore = turns.get(name) ?? Semaphore.makeUnsafe(1)
        turns.set(name, semaphore)
        return semaphore
      }

      const connect = Effect.fnUntraced(function* (server: Server) {
        const known = all.get(server.name)
        if (known !== undefined) return known
        yield* recording.add({ _tag: "Connect", machine: remote(server) })
        const scope = yield* Scope.fork(parent)
        const acquire = script.connect(server) ?? Effect.succeed({ isNew: false })
        const { isNew } = yield* Resource.acquire(`connection to ${server.name}`, acquire, () => Effect.void).pipe(
          Effect.provideService(Events, events),
          Scope.provide(scope)
        )
        const open: Open = { server: server.name, isNew, lost: yield* Deferred.make<never, ConnectionLost>(), scope }
        all.set(server.name, open)
        return open
      })
      const open = (server: Server) => turn(server.name).withPermits(1)(connect(server))

      const lose = Effect.fnUntraced(function* (connection: Open) {
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
        over: Effect.fnUntraced(function* (server, effect) {
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

/** Servers that answer from a script, and that nothing is asked of. */
export const layer = (script: Script) => ssh(script).pipe(Layer.provideMerge(connections(script)))
