import { Deferred, Effect, FileSystem, Schema } from "effect"
import { connect, type Socket } from "node:net"
import type { AcceptConnection, Channel, RejectConnection, UNIXConnectionDetails } from "ssh2"
import { defineError } from "../../core/defineError.ts"
import * as Resource from "../../core/Resource.ts"
import type { Connection } from "./Connection.ts"
import { SshSettings } from "./Settings.ts"

const reasons = {
  unset: "SSH_AUTH_SOCK is not set on this machine",
  lost: "there is no socket where SSH_AUTH_SOCK leads on this machine",
  refused: "the server does not allow it"
} as const

/** A program on a server cannot use the SSH agent of this machine. */
export class AgentNotForwarded extends defineError<AgentNotForwarded>()("AgentNotForwarded", {
  fields: { server: Schema.String, reason: Schema.Literals(["unset", "lost", "refused"]) },
  message: (e) => `jiji cannot forward the SSH agent to ${e.server} for the build (build.ssh): ${reasons[e.reason]}.`,
  remedy: (e) =>
    e.reason === "refused"
      ? `Set \`AllowStreamLocalForwarding yes\` in sshd_config on ${e.server}, or use build.secrets.`
      : "Start an agent with `eval $(ssh-agent)`, add your key with `ssh-add`, and deploy from the same terminal.",
  exitCode: "permission",
  sample: [
    { server: "web1", reason: "unset" },
    { server: "web1", reason: "refused" }
  ]
}) {}

/** Copies bytes both ways until one side ends. */
const pipe = (channel: Channel, socket: Socket): void => {
  channel.on("error", () => socket.destroy())
  channel.once("close", () => socket.destroy())
  socket.once("close", () => channel.close())
  channel.pipe(socket)
  socket.pipe(channel)
}

/** Lets the server listen on a socket, whose connections lead to the agent. */
const request = ({ client, server }: Connection, path: string, agent: string) =>
  Effect.callback<() => void, AgentNotForwarded>((resume) => {
    const sockets = new Set<Socket>()
    const onConnection = (details: UNIXConnectionDetails, accept: AcceptConnection, reject: RejectConnection) => {
      // Another build has its own.
      if (details.socketPath !== path) return
      const socket = connect({ path: agent })
      sockets.add(socket)
      let isAccepted = false
      // Never removed: a socket error without a listener crashes the process.
      socket.on("error", () => {})
      socket.once("close", () => {
        sockets.delete(socket)
        if (!isAccepted) reject()
      })
      socket.once("connect", () => {
        isAccepted = true
        pipe(accept(), socket)
      })
    }
    const end = () => {
      client.removeListener("unix connection", onConnection)
      for (const socket of sockets) socket.destroy()
    }
    const refuse = () => {
      end()
      resume(Effect.fail(new AgentNotForwarded({ server, reason: "refused" })))
    }
    // Before the request: the first connection may arrive in the same packet as the answer.
    client.on("unix connection", onConnection)
    try {
      client.openssh_forwardInStreamLocal(path, (error) => {
        if (error) return refuse()
        resume(Effect.succeed(end))
      })
    } catch {
      refuse()
    }
  })

/**
 * Lets programs on a server use the SSH agent of this machine through a socket there, until the scope closes. Only the user of
 * the server, and its root, can connect to it: sshd creates it so.
 *
 * ssh2's own agent forwarding asks once a connection, so only the first command would get the agent, and the server could use it
 * for as long as the connection is open.
 */
export const forward = Effect.fnUntraced(function* (connection: Connection, path: string) {
  const { client, lost, server } = connection
  const { agent = "" } = yield* SshSettings
  const fs = yield* FileSystem.FileSystem
  if (agent === "") return yield* new AgentNotForwarded({ server, reason: "unset" })
  const info = yield* Effect.option(fs.stat(agent))
  if (info._tag === "None" || info.value.type !== "Socket") {
    return yield* new AgentNotForwarded({ server, reason: "lost" })
  }
  const acquire = request(connection, path, agent).pipe(
    // If the connection is lost, report that instead of a refusal by the server.
    Effect.tapError(() => (Deferred.isDoneUnsafe(lost) ? Deferred.await(lost) : Effect.void)),
    Effect.raceFirst(Deferred.await(lost))
  )
  const release = (end: () => void) =>
    Effect.callback<void>((resume) => {
      end()
      const done = () => resume(Effect.void)
      if (Deferred.isDoneUnsafe(lost)) return done()
      try {
        client.openssh_unforwardInStreamLocal(path, done)
      } catch {
        // The connection has closed in the meantime.
        done()
      }
    })
  yield* Resource.acquire(`SSH agent on ${server}`, acquire, release)
})
