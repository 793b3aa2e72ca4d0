import { connect, type Socket } from "node:net"
import type { Writable } from "node:stream"
import type { AcceptConnection, Client, ClientChannel, RejectConnection, TcpConnectionDetails } from "ssh2"
import { collectAfter } from "../../core/collectGarbage.ts"
import type { LocalEnd } from "./Ssh.ts"

/** Where connections from a forwarded port lead, and the ones that came. */
interface Listener {
  readonly to: LocalEnd
  /** The oldest first; and whether bytes for the server came through it. */
  readonly sockets: Map<Socket, boolean>
  /** Bytes for the server that were read so far. */
  carried: number
}

/** Where connections lead that a server forwards to this machine. */
export interface Listeners {
  /** From now on, connections to this port of the server lead there. */
  add(port: number, to: LocalEnd): void
  /** Bytes that went to the server through this port so far. */
  carried(port: number): number
  /** No more; and the ones that are open are cut. */
  remove(port: number): void
}

/**
 * Connections at once through one forwarded port. Any user of the server can open them, and each takes files and memory
 * of this process; an engine opens no more than a dozen.
 */
const mostConnections = 128

const isLoopback = (address: string): boolean => address === "::1" || /^(::ffff:)?127\./.test(address)

/** Carries bytes both ways. Each side's end is passed on by itself, and a broken side breaks the other. */
const join = (socket: Socket, channel: ClientChannel, transport: Writable, carry: (bytes: number) => void): void => {
  socket.on("data", (piece: Buffer) => {
    carry(piece.length)
    collectAfter(piece.length)
    // A piece is many SSH packets: they leave in one write, not each by itself.
    transport.cork()
    const hasRoom = channel.write(piece)
    transport.uncork()
    if (!hasRoom) socket.pause()
  })
  channel.on("drain", () => socket.resume())
  socket.once("end", () => channel.end())
  channel.pipe(socket)
  socket.once("close", (isBroken: boolean) => {
    // After an orderly end the channel may still hold bytes for the server: the server closes it once it has them.
    if (!isBroken && socket.readableEnded) return
    channel.resume()
    channel.destroy()
  })
  channel.once("close", () => socket.destroySoon())
  channel.on("error", () => socket.destroy())
}

/**
 * Takes the connections that a server forwards. One is accepted once its local end is connected, and rejected where
 * that fails: the program on the server then sees what it would see here.
 *
 * Must be called before a forward is asked for, or its first connections are lost. `transport` is what the client's
 * packets leave by.
 */
export const listen = (client: Client, transport: Writable): Listeners => {
  const listeners = new Map<number, Listener>()

  client.on(
    "tcp connection",
    (details: TcpConnectionDetails, accept: AcceptConnection<ClientChannel>, reject: RejectConnection) => {
      const listener = listeners.get(details.destPort)
      // With `GatewayPorts yes` sshd listens on every address, whatever it was asked for: strangers are kept out here.
      if (listener === undefined || !isLoopback(details.srcIP)) return reject()
      if (listener.sockets.size >= mostConnections) {
        // Whoever holds connections and asks for nothing is not to keep the engine out.
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
      // Stays attached: a socket's error without a listener ends the process.
      socket.on("error", () => {})
      socket.once("connect", () => {
        isAccepted = true
        join(socket, accept(), transport, (bytes) => {
          listener.carried += bytes
          // One that was given up is not taken in again.
          if (listener.sockets.has(socket)) listener.sockets.set(socket, true)
        })
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
    add: (port, to) => void listeners.set(port, { to, sockets: new Map(), carried: 0 }),
    carried: (port) => listeners.get(port)?.carried ?? 0,
    remove
  }
}
