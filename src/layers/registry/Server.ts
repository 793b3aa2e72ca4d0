import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import * as Answer from "./Response.ts"
import * as Handler from "./Handler.ts"
import * as References from "./References.ts"
import { isTaken, RegistryNotServed } from "./RegistryError.ts"
import * as Relay from "./Relay.ts"
import type { Store } from "./Store.ts"

export interface Options {
  /** The port to listen on; a free one where it is taken, or 0. */
  readonly port: number
  /** Fails where the port is taken. */
  readonly exact?: boolean
  /** The port of another registry on this machine, whose images are served in place of the store's. */
  readonly from?: number
  /** The digests of the only manifests that are served; all of the store's where absent. */
  readonly only?: ReadonlySet<string>
  /** Called as an answer begins, with the bytes of a blob or manifest that it carries. */
  readonly onServed?: Handler.OnServed
}

/** Where the registry is: a port of this machine's loopback, and a socket in Linux's abstract namespace. */
export interface Served {
  readonly port: number
  /** Absent on other systems. */
  readonly socket?: string
}

/** The servers that listen. */
export interface Listening extends Served {
  readonly servers: ReadonlyArray<Bun.Server<undefined>>
}

/** A socket that is no file: it is gone with its process, however that ends. Whoever could open the port can open it. */
const abstractSocket = () => `\0jiji-${randomUUID()}`

/** Serves a store on 127.0.0.1, and at a socket, which costs a tunnel that leads there half of what a port costs. */
export const listen = (
  store: Store,
  references: References.References,
  options: Options
): Effect.Effect<Listening, RegistryNotServed> => {
  const { exact = false, from, only, onServed } = options
  const handle =
    from === undefined
      ? Handler.make(store, only === undefined ? references : References.only(references, only), onServed)
      : Relay.make(from, only ?? new Set(), onServed)
  const answers = {
    // No body is ever read; a limit would answer 413 where 405 says what is the matter.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    // A server that pulls slowly is not idle, and one that is gone closes its connection.
    idleTimeout: 0,
    development: false,
    fetch: (request: Request) => Effect.runPromise(handle(request)),
    error: () => Answer.failure(500, "UNKNOWN", "The registry failed.")
  }
  const start = (port: number) =>
    Effect.try({
      try: (): Listening => {
        const server = Bun.serve({
          ...answers,
          // Not `localhost`, which may be ::1: nothing else is to reach it.
          hostname: "127.0.0.1",
          port,
          // Bun 1.4.5 turns this on where `development` is off; two registries then share a port unnoticed.
          reusePort: false
        })
        const at = server.port ?? port
        if (process.platform !== "linux") return { port: at, servers: [server] }
        const socket = abstractSocket()
        try {
          const atSocket: object = { ...answers, unix: socket }
          // The types know an idle timeout for ports alone; a socket has the same one.
          const forTunnels = Bun.serve(atSocket as Bun.Serve.Options<undefined>)
          return { port: at, socket, servers: [server, forTunnels] }
        } catch (cause) {
          void server.stop(true)
          throw cause
        }
      },
      catch: (cause) => new RegistryNotServed({ port, cause })
    })
  const wanted = start(options.port)
  return exact ? wanted : Effect.catchIf(wanted, isTaken, () => start(0))
}

/** Ends every connection and stops listening. */
export const close = ({ servers }: Listening): Effect.Effect<void> =>
  Effect.promise(() => Promise.all(servers.map((server) => server.stop(true))))
