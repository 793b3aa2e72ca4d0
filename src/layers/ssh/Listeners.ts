import { connect, type Socket } from "node:net"
import type { Writable } from "node:stream"
import type { AcceptConnection, Client, ClientChannel, RejectConnection, TcpConnectionDetails } from "ssh2"
import { collectAfter } from "../../core/collectGarbage.ts"
import { followRequests } from "./followRequests.ts"
import type { LocalEnd } from "./Ssh.ts"

/** A forwarded port's destination and its open connections. */
interface Listener {
  readonly to: LocalEnd
  /** Oldest first. The value is whether the socket has sent bytes to the server. */
  readonly sockets: Map<Socket, boolean>
  /** Bytes sent to the server so far. */
  carried: number
  /** The same by the repository that the server requested. */
  readonly carriedOf: Map<string, number>
}

/** The destinations of ports that a server forwards to this machine. */
export interface Listeners {
  /** Sends future connections from this port of the server to `to`. */
  add(port: number, to: LocalEnd): void
  /** Bytes sent to the server through this port so far. */
  carried(port: number): number
  /** Bytes of a registry's repository sent to the server through this port so far. */
  carriedOf(port: number, repository: string): number
  /** Rejects future connections from this port and closes the open ones. */
  remove(port: number): void
}

/**
 * The maximum number of open connections through one forwarded port. Any user on the server can open them, and each one
 * costs this process memory and file descriptors. An engine opens a dozen at most.
 */
const maxConnections = 128

/** For how many repositories one port counts bytes. Any user on the server can request names that do not exist. */
const maxRepositories = 1000

const add = (counts: Map<string, number>, key: string, amount: number): void => {
  const count = counts.get(key)
  if (count !== undefined || counts.size < maxRepositories) counts.set(key, (count ?? 0) + amount)
}

const isLoopback = (address: string): boolean => address === "::1" || /^(::ffff:)?127\./.test(address)

/** Copies bytes both ways. Each direction ends on its own; an error on one side closes the other. */
const pipeBothWays = (
  socket: Socket,
  channel: ClientChannel,
  transport: Writable,
  carry: (bytes: number) => void,
  request: (piece: Buffer) => void
): void => {
  socket.on("data", (piece: Buffer) => {
    carry(piece.length)
    collectAfter(piece.length)
    // A piece becomes many SSH packets. Corking sends them in one write.
    transport.cork()
    const hasRoom = channel.write(piece)
    transport.uncork()
    if (!hasRoom) socket.pause()
  })
  channel.on("drain", () => socket.resume())
  socket.once("end", () => channel.end())
  channel.on("data", request)
  channel.pipe(socket)
  socket.once("close", (isBroken: boolean) => {
    // After a clean end the channel may still hold bytes for the server, which closes the channel when it has read them.
    if (!isBroken && socket.readableEnded) return
    channel.resume()
    channel.destroy()
  })
  channel.once("close", () => socket.destroySoon())
  channel.on("error", () => socket.destroy())
}

/**
 * Handles the connections that a server forwards. Accepts each one only after connecting to its local destination, and
 * rejects it if that fails, so that a program on the server sees the same error as a program here.
 *
 * Call it before requesting a forward, or the forward's first connections are lost. `transport` carries the client's
 * packets.
 */
export const acceptForwarded = (client: Client, transport: Writable): Listeners => {
  const listeners = new Map<number, Listener>()

  client.on(
    "tcp connection",
    (details: TcpConnectionDetails, accept: AcceptConnection<ClientChannel>, reject: RejectConnection) => {
      const listener = listeners.get(details.destPort)
      // With `GatewayPorts yes` sshd listens on all addresses, whatever the request says. Keep other hosts out here.
      if (listener === undefined || !isLoopback(details.srcIP)) return reject()
      if (listener.sockets.size >= maxConnections) {
        // Close the oldest unused connection, so that idle clients cannot lock the engine out.
        const idle = [...listener.sockets].find(([, isUsed]) => !isUsed)?.[0]
        if (idle === undefined) return reject()
        listener.sockets.delete(idle)
        idle.destroy()
      }
      const address = typeof listener.to === "string" ? { path: listener.to } : { host: "127.0.0.1", port: listener.to }
      const socket = connect({ ...address, allowHalfOpen: true })
      listener.sockets.set(socket, false)
      let isAccepted = false
      socket.once("close", () => {
        listener.sockets.delete(socket)
        if (!isAccepted) reject()
      })
      // Never removed: a socket error without a listener crashes the process.
      socket.on("error", () => {})
      socket.once("connect", () => {
        isAccepted = true
        const requests = followRequests()
        const carry = (bytes: number) => {
          listener.carried += bytes
          const repository = requests.repository()
          if (repository !== undefined) add(listener.carriedOf, repository, bytes)
          // It may have been dropped as idle in the meantime.
          if (listener.sockets.has(socket)) listener.sockets.set(socket, true)
        }
        pipeBothWays(socket, accept(), transport, carry, requests.read)
      })
    }
  )
  client.once("close", () => {
    for (const port of listeners.keys()) remove(port)
  })

  const remove = (port: number) => {
    for (const socket of listeners.get(port)?.sockets.keys() ?? []) socket.destroy()
    listeners.delete(port)
  }
  return {
    add: (port, to) => void listeners.set(port, { to, sockets: new Map(), carried: 0, carriedOf: new Map() }),
    carried: (port) => listeners.get(port)?.carried ?? 0,
    carriedOf: (port, repository) => listeners.get(port)?.carriedOf.get(repository) ?? 0,
    remove
  }
}
