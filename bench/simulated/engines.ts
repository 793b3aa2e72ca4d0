// The engines of simulated servers, all in this process: engines.ts FOLDER...
// FOLDER is the server's /run, in which its engine listens. There it also finds the socket of loopback.pl.
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Engine } from "./Engine.ts"

/** What the engine's client did: its output, and the requests that it made. */
interface ClientRun {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  readonly requests: ReadonlyArray<Sent>
}

interface Sent {
  readonly url: string
  readonly method: string
  readonly body: string
}

/** What the real client needs to start and end on an idle server, in milliseconds. */
const clientStart = 60

const scratch = mkdtempSync(join(tmpdir(), "engines-"))
let scratches = 0

/** Runs the real client on a copy of an engine. */
const runClient = async (
  engine: Engine,
  words: ReadonlyArray<string>,
  input: string,
  env: Record<string, string>
): Promise<ClientRun> => {
  scratches += 1
  const unix = join(scratch, `${scratches}`)
  const copy = engine.copy()
  const requests: Array<Sent> = []
  const server = Bun.serve({
    unix,
    fetch: async (request) => {
      const body = request.method === "POST" ? await request.clone().text() : ""
      requests.push({ url: request.url, method: request.method, body })
      return copy.handle(request)
    }
  })
  const child = Bun.spawn(["timeout", "30", "docker", ...words], {
    env: { ...env, PATH: process.env["PATH"], DOCKER_HOST: `unix://${unix}` },
    stdin: new Blob([input]),
    stdout: "pipe",
    stderr: "pipe"
  })
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  const code = await child.exited
  await server.stop(true)
  return { code, stdout, stderr, requests }
}

/** By the client's words, its environment and what the engine has. Servers in the same state share a run. */
const runs = new Map<string, Promise<ClientRun>>()

/** Answers a client as the real one would: as late, with the same output, after the same requests to the engine. */
const client = async (engine: Engine, body: string): Promise<Response> => {
  const [count = "0", ...fields] = body.split("\0")
  const words = fields.slice(0, Number(count))
  const [input = "", ...environment] = fields.slice(Number(count))
  const key = JSON.stringify([body, engine.fingerprint()])
  const started = Bun.sleep(clientStart)
  const env = Object.fromEntries(environment.map((entry) => entry.split(/=(.*)/s) as [string, string]))
  const run = runs.get(key) ?? runClient(engine, words, input, env)
  runs.set(key, run)
  const [{ code, requests, stderr, stdout }] = await Promise.all([run, started])
  for (const { body, method, url } of requests) {
    const response = await engine.handle(new Request(url, { method, ...(method === "POST" ? { body } : {}) }))
    await response.arrayBuffer()
  }
  return new Response(`${code} ${Buffer.byteLength(stdout)}\n${stdout}${stderr}`)
}

for (const folder of process.argv.slice(2)) {
  const engine = new Engine(join(folder, "loopback.sock"), 1)
  // Bun's types do not know that this holds for Unix sockets, too. Streams of events have long pauses.
  const neverIdle = { idleTimeout: 0 } as {}
  Bun.serve({
    ...neverIdle,
    unix: join(folder, "docker.sock"),
    fetch: async (request) => {
      if (new URL(request.url).pathname === "/client") return client(engine, await request.text())
      return engine.handle(request)
    },
    error: (error) => Response.json({ message: String(error) }, { status: 500 })
  })
}
process.stdout.write("listening\n")
