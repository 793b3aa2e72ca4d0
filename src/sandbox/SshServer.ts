import { Deferred, Duration, Effect, FiberSet, type Scope } from "effect"
import { localUser } from "../layers/ssh/localUser.ts"
import { type AuthContext, type Connection, Server, utils } from "ssh2"
import * as Exec from "./Exec.ts"
import { handleForwards } from "./Forwards.ts"

/** Options to make the server refuse or delay requests. */
export interface SshServerOptions {
  /** Whether it opens ports for reverse forwards. Default: true. */
  readonly forwarding?: boolean
  /** Returns false for commands to refuse. Default: accept all commands. */
  readonly allow?: (command: string) => boolean
  /** How long to wait before starting a command. Default: not at all. */
  readonly delay?: Duration.Input
}

/** A running throwaway SSH server. */
export interface RunningSshServer {
  readonly host: "127.0.0.1"
  readonly port: number
  /** The only user that it accepts: the user of this process, who also runs the commands. */
  readonly user: string
  /** The only key that it accepts: a private key in OpenSSH format. */
  readonly privateKey: string
  /** Its public host key: type and base64, as in a `.pub` file. */
  readonly hostKey: string
  /** Its line for known_hosts, with a line break. */
  readonly knownHostsLine: string
}

/** The type and key of a `.pub` line, without the comment. */
const withoutComment = (line: string): string => line.trim().split(/\s+/).slice(0, 2).join(" ")

/** Generates a key pair. ssh2 cannot parse one in a few hundred of its own key pairs; then generates another one. */
const keyPair = (): ReturnType<typeof utils.generateKeyPairSync> => {
  const pair = utils.generateKeyPairSync("ed25519")
  return utils.parseKey(pair.private) instanceof Error ? keyPair() : pair
}

const isAllowed = (context: AuthContext, user: string, publicKey: string): boolean => {
  const key = utils.parseKey(publicKey)
  if (context.method !== "publickey" || context.username !== user || key instanceof Error) return false
  if (!key.getPublicSSH().equals(context.key.data)) return false
  // Without a signature, the client only asks whether the server would accept the key.
  return context.signature === undefined || key.verify(context.blob ?? "", context.signature, context.hashAlgo) === true
}

const serve = (
  client: Connection,
  user: string,
  publicKey: string,
  options: SshServerOptions,
  run: Exec.RunInBackground
): void => {
  const closed = Deferred.makeUnsafe<void>()
  client.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
  // Ignore clients that disconnect in the middle of something.
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
  handleForwards(client, options.forwarding ?? true)
}

/**
 * Starts an SSH server on a free port of 127.0.0.1, with a new host key and a new user key. Closing the scope stops the
 * server and its commands, and closes the ports that it opened.
 *
 * It runs commands with `sh -c` in the user's home folder, and opens reverse forwards on 127.0.0.1. It has no shell,
 * terminal, SFTP, agent forwarding or outgoing forwards.
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
