// The front of the registries in RemoteRegistry.ts: TLS by name, the token service, and a switch that makes a registry
// misbehave. registryFront.ts SETTINGS.json
import { createPrivateKey, randomUUID, sign } from "node:crypto"
import { appendFileSync, existsSync, readFileSync } from "node:fs"
import { type IncomingMessage, request, type ServerResponse } from "node:http"
import { createServer } from "node:https"
import { Transform } from "node:stream"

/** How a registry misbehaves on matching requests. */
export interface Fault {
  /** Matched against `METHOD name/path`. */
  readonly on: string
  readonly times?: number
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Cuts the connection after this many bytes of the request's body. */
  readonly drop?: number
  /** Never answers. */
  readonly stall?: boolean
  /** How fast bodies pass, in both directions. */
  readonly bytesPerSecond?: number
}

export interface Settings {
  readonly address: string
  readonly cert: string
  readonly key: string
  readonly users: Readonly<Record<string, string>>
  readonly tokenKey: string
  readonly tokenCert: string
  /** Ports on loopback, by registry name. */
  readonly backends: Readonly<Record<string, number>>
  readonly faults: string
  readonly log: string
}

// Written by RemoteRegistry.ts.
const settings = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as Settings
const tokenKey = createPrivateKey(readFileSync(settings.tokenKey))
const x5c = readFileSync(settings.tokenCert, "utf8").replaceAll(/-----[^-]+-----|\s/g, "")

let current = ""
let left = 0

const fault = (line: string): Fault | undefined => {
  if (!existsSync(settings.faults)) return undefined
  const text = readFileSync(settings.faults, "utf8")
  // Written by RemoteRegistry.ts.
  const found = JSON.parse(text) as Fault
  if (text !== current) left = found.times ?? Number.POSITIVE_INFINITY
  current = text
  if (left === 0 || !new RegExp(found.on).test(line)) return undefined
  left -= 1
  return found
}

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url")

/** https://distribution.github.io/distribution/spec/auth/jwt/ */
const token = (query: URLSearchParams, user: string | undefined): string => {
  const now = Math.floor(Date.now() / 1000)
  const access = query.getAll("scope").flatMap((scope) => {
    const [type, name = "", actions = ""] = scope.split(":")
    // Only a user may access the user's packages. Everyone may read public ones.
    const own = user !== undefined && name.startsWith(`${user}/`)
    const granted = actions.split(",").filter((action) => own || (action === "pull" && name.startsWith("public/")))
    return [{ type, name, actions: granted }]
  })
  const claims = { iss: "test", sub: user ?? "", aud: query.get("service"), iat: now, nbf: now - 5, exp: now + 300 }
  const text = `${encoded({ typ: "JWT", alg: "RS256", x5c: [x5c] })}.${encoded({ ...claims, jti: randomUUID(), access })}`
  return `${text}.${sign("RSA-SHA256", Buffer.from(text), tokenKey).toString("base64url")}`
}

const answerToken = (incoming: IncomingMessage, outgoing: ServerResponse) => {
  const [scheme = "", given = ""] = (incoming.headers.authorization ?? "").split(" ")
  const [user = "", ...rest] = Buffer.from(given, "base64").toString().split(":")
  const isKnown = settings.users[user] === rest.join(":")
  if (scheme === "Basic" && !isKnown) {
    outgoing.writeHead(401, { "content-type": "application/json" })
    return outgoing.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}')
  }
  const query = new URL(incoming.url ?? "", "https://host").searchParams
  const made = token(query, isKnown ? user : undefined)
  outgoing.writeHead(200, { "content-type": "application/json" })
  return outgoing.end(JSON.stringify({ token: made, access_token: made, expires_in: 300 }))
}

/** Lets a body through no faster than this. */
const paced = (bytesPerSecond: number) =>
  new Transform({
    transform: (chunk: Buffer, _encoding, done) =>
      void setTimeout(() => done(null, chunk), (chunk.length / bytesPerSecond) * 1000)
  })

const pass = (
  name: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { bytesPerSecond, drop }: Pick<Fault, "bytesPerSecond" | "drop">
) => {
  const through = (body: IncomingMessage) => (bytesPerSecond === undefined ? body : body.pipe(paced(bytesPerSecond)))
  const backend = request({
    host: "127.0.0.1",
    port: settings.backends[name] ?? 0,
    method: incoming.method ?? "GET",
    path: incoming.url ?? "/",
    headers: { ...incoming.headers, "x-forwarded-proto": "https" }
  })
  backend.on("response", (response) => {
    outgoing.writeHead(response.statusCode ?? 502, response.headers)
    through(response).pipe(outgoing)
  })
  backend.on("error", () => outgoing.destroy())
  outgoing.on("close", () => backend.destroy())
  let seen = 0
  incoming.on("data", (chunk: Buffer) => {
    seen += chunk.length
    if (drop !== undefined && seen >= drop) {
      incoming.socket.destroy()
      backend.destroy()
    }
  })
  through(incoming).pipe(backend)
}

const server = createServer(
  { cert: readFileSync(settings.cert), key: readFileSync(settings.key) },
  (incoming, outgoing) => {
    const name = (incoming.headers.host ?? "").replace(/:\d+$/, "")
    const line = `${incoming.method} ${name}${incoming.url?.replace(/\?.*/, "")}`
    appendFileSync(settings.log, `${line}\n`)
    const broken = fault(line)
    if (broken?.stall === true) return
    if (broken?.status !== undefined) {
      outgoing.writeHead(broken.status, { "content-type": "application/json", ...broken.headers })
      outgoing.end(broken.body ?? "")
      return
    }
    if (incoming.url?.startsWith("/token") === true) answerToken(incoming, outgoing)
    else pass(name, incoming, outgoing, broken ?? {})
  }
)
server.listen(443, settings.address, () => process.stdout.write("the front is listening\n"))
