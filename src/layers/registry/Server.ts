import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import * as HttpResponse from "./Response.ts"
import * as Handler from "./Handler.ts"
import * as References from "./References.ts"
import { isTaken, RegistryNotServed } from "./RegistryError.ts"
import * as Relay from "./Relay.ts"
import type { Store } from "./Store.ts"

export interface Options {
  /** The port to listen on. If it is 0 or in use, the server uses a free port. */
  readonly port: number
  /** Fail if the port is in use. */
  readonly exact?: boolean
  /** The port of another registry on this machine. Serves its images instead of the store's. */
  readonly from?: number
  /** The digests of the manifests to serve. Default: all in the store. */
  readonly only?: ReadonlySet<string>
  /** Called when a response starts, with the size in bytes and the digest of the blob or manifest. */
  readonly onServed?: Handler.OnServed
}

/** Where the registry listens: a port on 127.0.0.1, and a socket in Linux's abstract namespace. */
export interface Served {
  readonly port: number
  /** Absent on other systems. */
  readonly socket?: string
}

/** The running servers. */
export interface Listening extends Served {
  readonly servers: ReadonlyArray<Bun.Server<undefined>>
}

/** A socket without a file: it disappears with its process. Like the port, any local user can open it. */
const abstractSocket = () => `\0jiji-${randomUUID()}`

/** Serves a store on 127.0.0.1 and on a socket. A tunnel to the socket costs half as much as one to the port. */
export const listen = (
  store: Store,
  references: References.References,
  options: Options
): Effect.Effect<Listening, RegistryNotServed> => {
  const { exact = false, from, only, onServed } = options
  const handle =
    from === undefined
      ? Handler.make(store, only === undefined ? references : References.restrictTo(references, only), onServed)
      : Relay.make(from, only ?? new Set(), onServed)
  const serverOptions = {
    // The server never reads request bodies. With a limit it would answer 413 instead of the more helpful 405.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    // A slow pull is not idle, and a server that disappears closes its connection.
    idleTimeout: 0,
    development: false,
    fetch: (request: Request) => Effect.runPromise(handle(request)),
    error: () => HttpResponse.failure(500, "UNKNOWN", "The registry failed.")
  }
  const start = (port: number) =>
    Effect.try({
      try: (): Listening => {
        const server = Bun.serve({
          ...serverOptions,
          // Not `localhost`, which may resolve to ::1.
          hostname: "127.0.0.1",
          port,
          // Bun 1.4.5 enables this when `development` is false. Two registries would then silently share a port.
          reusePort: false
        })
        const at = server.port ?? port
        if (process.platform !== "linux") return { port: at, servers: [server] }
        const socket = abstractSocket()
        try {
          const atSocket: object = { ...serverOptions, unix: socket }
          // The types allow an idle timeout only for ports, but sockets have one, too.
          const forTunnels = Bun.serve(atSocket as Bun.Serve.Options<undefined>)
          return { port: at, socket, servers: [server, forTunnels] }
        } catch (cause) {
          void server.stop(true)
          throw cause
        }
      },
      catch: (cause) => new RegistryNotServed({ port, cause })
    })
  const preferred = start(options.port)
  return exact ? preferred : Effect.catchIf(preferred, isTaken, () => start(0))
}

/** Closes all connections and stops listening. */
export const close = ({ servers }: Listening): Effect.Effect<void> =>
  Effect.promise(() => Promise.all(servers.map((server) => server.stop(true))))
