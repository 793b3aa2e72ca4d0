import { Effect, type Scope } from "effect"
import { rmSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"

/** A request to a fake engine, and ways to answer it. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string>>
  /** The stream that it came through, for answers that are not HTTP. */
  readonly socket: Socket
  /** Answers with a body whose length is known. */
  send(status: number, body: string): void
  json(value: unknown, status?: number): void
  /** Begins an answer in chunks. */
  head(): void
  /** Sends a chunk. Returns whether the stream takes more now. */
  chunk(text: string): boolean
  /** Ends an answer in chunks. */
  end(): void
}

export type Handler = (asked: Asked) => void

export interface FakeApi {
  readonly path: string
  /** `METHOD /path` of all requests. */
  readonly requests: () => ReadonlyArray<string>
  /** How many streams were ever opened. */
  readonly opened: () => number
  /** How many streams are open. */
  readonly open: () => number
  readonly handle: (handler: Handler) => void
  /** Closes all streams, and accepts no more until {@link start}. */
  readonly stopNow: () => void
  readonly stop: Effect.Effect<void>
  readonly start: Effect.Effect<void>
}

const parse = (head: string) => {
  const [first = "", ...lines] = head.split("\r\n")
  const [method = "", target = ""] = first.split(" ")
  const url = new URL(target, "http://docker")
  const headers = Object.fromEntries(
    lines.map((line) => {
      const [name = "", ...rest] = line.split(":")
      return [name.toLowerCase(), rest.join(":").trim()]
    })
  )
  return { method, path: url.pathname, query: url.searchParams, headers }
}

/** An engine's API on a Unix socket, which answers as a test says. Its requests have no bodies. */
export const make = (path: string, first: Handler): Effect.Effect<FakeApi, never, Scope.Scope> =>
  Effect.gen(function* () {
    const sockets = new Set<Socket>()
    const requests: Array<string> = []
    let handler = first
    let opened = 0
    let server: Server | undefined

    const onConnection = (socket: Socket) => {
      opened++
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => sockets.delete(socket))
      let text = ""
      socket.on("data", (data) => {
        text += data.toString("latin1")
        for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
          const request = parse(text.slice(0, end))
          text = text.slice(end + 4)
          requests.push(`${request.method} ${request.path}`)
          const send = (status: number, body: string) =>
            socket.write(`HTTP/1.1 ${status} Status\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
          handler({
            ...request,
            socket,
            send,
            json: (value, status = 200) => send(status, JSON.stringify(value)),
            head: () => socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            chunk: (chunk) => socket.write(`${Buffer.byteLength(chunk).toString(16)}\r\n${chunk}\r\n`),
            end: () => socket.write("0\r\n\r\n")
          })
        }
      })
    }

    const start = Effect.callback<void>((resume) => {
      rmSync(path, { force: true })
      server = createServer(onConnection).listen(path, () => resume(Effect.void))
    })
    const stopNow = () => {
      server?.close()
      for (const socket of sockets) socket.destroy()
    }
    yield* Effect.acquireRelease(start, () => Effect.sync(stopNow))
    return {
      path,
      requests: () => requests,
      opened: () => opened,
      open: () => sockets.size,
      handle: (next) => void (handler = next),
      stopNow,
      stop: Effect.sync(stopNow),
      start
    }
  })

/** What docker 20.10 answers to `GET /version`. */
export const version = {
  Platform: { Name: "" },
  Components: [{ Name: "Engine", Version: "20.10.24", Details: {} }, { Name: "containerd" }],
  Version: "20.10.24",
  ApiVersion: "1.41",
  MinAPIVersion: "1.12"
}

export const digest = `sha256:${"d1".repeat(32)}`

/** What docker answers to `GET /images/NAME/json`. */
export const image = {
  Id: `sha256:${"11".repeat(32)}`,
  Architecture: "amd64",
  Size: 5,
  RepoDigests: [`ghcr.io/me/web@${digest}`]
}

/** What docker answers to `GET /containers/ID/json`. */
export const container = (id: string) => ({
  Id: id,
  Name: `/shop-${id}`,
  Image: image.Id,
  State: { Status: "running", Running: true },
  Config: { Labels: { "jiji.project": "shop", "jiji.service": id, "jiji.digest": digest, "jiji.version": "v1" } },
  HostConfig: { RestartPolicy: { Name: "unless-stopped" } }
})

/** Answers as docker does on a server with these containers, and pulls with these messages. */
export const docker =
  (
    options: { readonly version?: unknown; readonly containers?: ReadonlyArray<string>; readonly pull?: Handler } = {}
  ): Handler =>
  (asked) => {
    const { containers = [], pull, version: about = version } = options
    const path = asked.path.replace(/^\/v\d+\.\d+/, "")
    const [, id] = /^\/containers\/([^/]+)\/json$/.exec(path) ?? []
    if (path === "/version") return asked.json(about)
    if (path === "/_ping") return asked.send(200, "OK")
    if (path === "/containers/json") return asked.json(containers.map((id) => ({ Id: id })))
    if (id !== undefined) {
      return containers.includes(id) ? asked.json(container(id)) : asked.json({ message: "No such container" }, 404)
    }
    if (path === "/images/create") {
      if (pull !== undefined) return pull(asked)
      asked.head()
      asked.chunk(`${JSON.stringify({ status: "Status: Downloaded newer image" })}\r\n`)
      return asked.end()
    }
    if (path.endsWith("/tag")) return asked.send(201, "")
    if (asked.method === "DELETE") return asked.json([{ Untagged: "x" }])
    if (/^\/images\/.*\/json$/.test(path)) return asked.json(image)
    return asked.json({ message: "page not found" }, 404)
  }
