import { createServer, type Server, type Socket } from "node:net"
import type { Connection, ServerChannel } from "ssh2"

const isLoopback = (address: string): boolean => address === "127.0.0.1" || address === "localhost"

/** Copies bytes both ways. Each direction ends on its own. */
const pipeBothWays = (socket: Socket, channel: ServerChannel): void => {
  socket.on("error", () => channel.close())
  channel.on("error", () => socket.destroy())
  channel.pipe(socket)
  // `end` would close the channel in both directions, so send EOF. The empty write completes when all data before it is sent.
  socket.pipe(channel, { end: false })
  socket.once("end", () => channel.write(Buffer.alloc(0), () => channel.eof()))
  socket.once("close", () => channel.close())
  channel.once("close", () => socket.destroySoon())
}

/**
 * Handles a client's requests for reverse forwards: opens and closes ports on 127.0.0.1. Rejects other addresses. Closes
 * the ports with the connection.
 */
export const handleForwards = (client: Connection, isAllowed: boolean): void => {
  const servers = new Map<number, Server>()
  const sockets = new Set<Socket>()

  const open = (address: string, wanted: number, done: (port: number | undefined) => void): void => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket)
      socket.once("close", () => sockets.delete(socket))
      const port = socket.localPort ?? wanted
      client.forwardOut(
        address,
        port,
        socket.remoteAddress ?? "127.0.0.1",
        socket.remotePort ?? 0,
        (error, channel) => {
          if (error) socket.destroy()
          else pipeBothWays(socket, channel)
        }
      )
    })
    server.once("error", () => done(undefined))
    server.listen(wanted, "127.0.0.1", () => {
      const bound = server.address()
      const port = bound === null || typeof bound === "string" ? wanted : bound.port
      servers.set(port, server)
      done(port)
    })
  }

  const close = (port: number): boolean => {
    servers.get(port)?.close()
    return servers.delete(port)
  }

  client.on("request", (accept, reject, name, info) => {
    // The types omit some of the request names.
    const request: string = name
    if (request === "cancel-tcpip-forward" && "bindPort" in info) {
      if (close(info.bindPort)) accept?.()
      else reject?.()
    } else if (request === "tcpip-forward" && "bindPort" in info && isAllowed && isLoopback(info.bindAddr)) {
      open(info.bindAddr, info.bindPort, (port) => (port === undefined ? reject?.() : accept?.(port)))
    } else {
      reject?.()
    }
  })
  client.on("close", () => {
    for (const port of servers.keys()) close(port)
    for (const socket of sockets) socket.destroy()
  })
}
