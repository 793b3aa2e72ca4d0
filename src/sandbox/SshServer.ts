import { Deferred, Duration, Effect, FiberSet, type Scope } from "effect"
import { localUser } from "../layers/ssh/localUser.ts"
import { type AuthContext, type Connection, Server, utils } from "ssh2"
import * as Exec from "./Exec.ts"
import { forwards } from "./Forwards.ts"

/** How a throwaway server differs from one that does as it is told. */
export interface SshServerOptions {
  /** Whether it opens ports for reverse forwards; true unless told otherwise. */
  readonly forwarding?: boolean
  /** Commands for which this is false are refused; all are taken unless told otherwise. */
  readonly allow?: (command: string) => boolean
  /** How long it waits before it starts a command. */
  readonly delay?: Duration.Input
}

/** A throwaway SSH server that listens. */
export interface RunningSshServer {
  readonly host: "127.0.0.1"
  readonly port: number
  /** The one user it lets in: who runs this process, as whom commands run too. */
  readonly user: string
  /** The one key it lets in, in OpenSSH's format. */
  readonly privateKey: string
  /** Its host key, as in a `.pub` file. */
  readonly hostKey: string
  /** Its line for a known_hosts file, with a line break. */
  readonly knownHostsLine: string
}

/** The type and the key out of a `.pub` line. */
const withoutComment = (line: string): string => line.trim().split(/\s+/).slice(0, 2).join(" ")

/** A new key pair. One in a few hundred that the library makes cannot be read back by itself, and is thrown away. */
const keyPair = (): ReturnType<typeof utils.generateKeyPairSync> => {
  const pair = utils.generateKeyPairSync("ed25519")
  return utils.parseKey(pair.private) instanceof Error ? keyPair() : pair
}

const isAllowed = (context: AuthContext, user: string, publicKey: string): boolean => {
  const key = utils.parseKey(publicKey)
  if (context.method !== "publickey" || context.username !== user || key instanceof Error) return false
  if (!key.getPublicSSH().equals(context.key.data)) return false
  // Without a signature the client only asks whether the key would do.
  return context.signature === undefined || key.verify(context.blob ?? "", context.signature, context.hashAlgo) === true
}

const serve = (client: Connection, user: string, publicKey: string, options: SshServerOptions, run: Exec.Run): void => {
  const closed = Deferred.makeUnsafe<void>()
  client.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
  // A client that goes away in the middle of something is no fault of the server.
  client.on("error", () => {})
  client.on("authentication", (context) => {
    if (isAllowed(context, user, publicKey)) context.accept()
    else context.reject(["publickey"])
  })
  client.on("session", (accept) => {
    const session = accept()
    session.on("exec", (accept, reject, { command }) => {
      if (options.allow?.(command) === false) return reject()
      run(Exec.exec(session, accept(), command, closed, Duration.fromInputUnsafe(options.delay ?? 0)))
    })
  })
  forwards(client, options.forwarding ?? true)
}

/**
 * Starts an SSH server on a free port of 127.0.0.1, with a host key and a user's key that were made for it; it stops
 * with the scope, and so do the commands it runs and the ports it opened.
 *
 * It runs commands with `sh -c` and opens reverse forwards on 127.0.0.1. It has no shell, terminal, SFTP, agent
 * forwarding or outgoing forwards.
 */
export const make = (options: SshServerOptions = {}): Effect.Effect<RunningSshServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const hostKey = keyPair()
    const userKey = keyPair()
    const user = localUser()
    const run = yield* FiberSet.makeRuntime<never, void, never>()
    const clients = new Set<Connection>()
    const server = yield* Effect.acquireRelease(
      Effect.callback<Server>((resume) => {
        const server = new Server({ hostKeys: [hostKey.private] }, (client) => {
          clients.add(client)
          client.on("close", () => clients.delete(client))
          serve(client, user, userKey.public, options, run)
        })
        server.on("error", (cause: unknown) => resume(Effect.die(cause)))
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          for (const client of clients) client.end()
        }).pipe(Effect.interruptible, Effect.timeoutOption("1 second"))
    )
    const address = server.address()
    if (address === null || typeof address === "string") return yield* Effect.die(new Error("the server has no port"))
    const publicHostKey = withoutComment(hostKey.public)
    return {
      host: "127.0.0.1",
      port: address.port,
      user,
      privateKey: userKey.private,
      hostKey: publicHostKey,
      knownHostsLine: `[127.0.0.1]:${address.port} ${publicHostKey}\n`
    }
  })
