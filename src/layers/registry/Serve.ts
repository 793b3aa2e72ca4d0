import { Effect } from "effect"
import * as Answer from "./Answer.ts"
import * as Handler from "./Handler.ts"
import * as References from "./References.ts"
import { RegistryNotServed } from "./RegistryError.ts"
import type { Store } from "./Store.ts"

export interface Options {
  /** The port to listen on; a free one where it is taken, or 0. */
  readonly port: number
  /** The digests of the only manifests that are served; all of the store's where absent. */
  readonly only?: ReadonlySet<string>
  /** Called as an answer begins, with the bytes of a blob or manifest that it carries. */
  readonly onServed?: Handler.OnServed
}

/** A server that listens. */
export interface Listening {
  readonly port: number
  readonly server: Bun.Server<undefined>
}

const isTaken = (error: RegistryNotServed): boolean =>
  error.cause instanceof Error && "code" in error.cause && error.cause.code === "EADDRINUSE"

/** Serves a store on 127.0.0.1. */
export const listen = (
  store: Store,
  references: References.References,
  options: Options
): Effect.Effect<Listening, RegistryNotServed> => {
  const handle = Handler.make(
    store,
    options.only === undefined ? references : References.only(references, options.only),
    options.onServed
  )
  const start = (port: number) =>
    Effect.try({
      try: (): Listening => {
        const server = Bun.serve({
          // Not `localhost`, which may be ::1: a forward leads to 127.0.0.1, and nothing else is to reach it.
          hostname: "127.0.0.1",
          port,
          // Bun 1.4.5 turns this on where `development` is off; two registries then share a port unnoticed.
          reusePort: false,
          // A server that pulls slowly is not idle, and one that is gone closes its connection.
          idleTimeout: 0,
          // No body is ever read; a limit would answer 413 where 405 says what is the matter.
          maxRequestBodySize: Number.MAX_SAFE_INTEGER,
          development: false,
          fetch: (request) => Effect.runPromise(handle(request)),
          error: () => Answer.failure(500, "UNKNOWN", "The registry failed.")
        })
        return { port: server.port ?? port, server }
      },
      catch: (cause) => new RegistryNotServed({ port, cause })
    })
  return Effect.catchIf(start(options.port), isTaken, () => start(0))
}

/** Ends every connection and stops listening. */
export const close = ({ server }: Listening): Effect.Effect<void> => Effect.promise(() => server.stop(true))
