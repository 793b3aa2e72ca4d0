import { Data, Effect, type Scope } from "effect"
import { readFileSync, readdirSync, readlinkSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"

/** Listens on a free port of 127.0.0.1 until the scope closes. */
export const listen = (onSocket: (socket: Socket) => void): Effect.Effect<number, never, Scope.Scope> =>
  Effect.gen(function* () {
    const sockets = new Set<Socket>()
    const server = yield* Effect.acquireRelease(
      Effect.sync(() =>
        createServer({ allowHalfOpen: true }, (socket) => {
          sockets.add(socket)
          socket.on("error", () => {})
          socket.on("close", () => sockets.delete(socket))
          onSocket(socket)
        })
      ),
      (server) =>
        Effect.sync(() => {
          server.close()
          for (const socket of sockets) socket.destroy()
        })
    )
    return yield* Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    })
  })

/** A connection did not come about, or broke. */
export class Broken extends Data.TaggedError("Broken")<{ readonly cause?: unknown }> {}

/** A client's connection to a port of 127.0.0.1, cut with the scope. */
export const dial = (port: number): Effect.Effect<Socket, Broken, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Socket, Broken>((resume) => {
      const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true })
      socket.once("connect", () => resume(Effect.succeed(socket)))
      socket.on("error", (error) => resume(Effect.fail(new Broken({ cause: error }))))
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

/** What a connection gives until its other side ends it; fails where it breaks. */
export const readAll = (socket: Socket): Effect.Effect<Buffer, Broken> =>
  Effect.callback<Buffer, Broken>((resume) => {
    const chunks: Array<Buffer> = []
    socket.on("data", (chunk) => chunks.push(Buffer.from(chunk)))
    socket.once("end", () => resume(Effect.succeed(Buffer.concat(chunks))))
    socket.once("close", () => resume(Effect.fail(new Broken({}))))
  })

/** Sends, ends the sending side, and reads the answer to its end. */
export const ask = (port: number, question: string | Buffer): Effect.Effect<Buffer, Broken> =>
  Effect.scoped(
    Effect.gen(function* () {
      const socket = yield* dial(port)
      socket.end(question)
      return yield* readAll(socket)
    })
  )

/** Local addresses of this network namespace's listening TCP sockets, as /proc has them: `0100007F:2436`. */
const listening = (): ReadonlyArray<{ readonly address: string; readonly inode: string }> =>
  ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) =>
    readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .flatMap(([, local, , state, , , , , , inode]) =>
        state === "0A" && local !== undefined && inode !== undefined ? [{ address: local, inode }] : []
      )
  )

const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, "0")

/** The addresses on which a port is listened to. */
export const addressesOf = (port: number): ReadonlyArray<string> =>
  listening().flatMap(({ address }) => (address.endsWith(`:${hex(port)}`) ? [address.slice(0, -5)] : []))

/** `127.0.0.1` as /proc has it. */
export const loopback = "0100007F"

/** How many ports some processes listen on. */
export const listeners = (pids: ReadonlyArray<number>): number => {
  const sockets = new Set(listening().map(({ inode }) => `socket:[${inode}]`))
  return pids.flatMap((pid) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).filter((fd) => sockets.has(readlinkSync(`/proc/${pid}/fd/${fd}`)))
    } catch {
      return []
    }
  }).length
}
