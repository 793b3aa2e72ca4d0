import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { program, shortRun } from "../support/program.ts"
import { until } from "../support/waiting.ts"

/** A project whose server does not answer, and whose pipelines touch nothing but files. */
export const deployFile = `project: shop
servers: { web1: { host: 127.0.0.1, port: 1 } }
services: { web: { image: "nginx:1.27", hosts: [web1] } }
`

/** Says hello. */
export const hello = `import { Effect, Schema } from "effect"
import { Pipeline, Runnable, Step } from "jiji"
export default Runnable.make({
  description: "Say hello",
  flags: Schema.Struct({
    name: Schema.String,
    times: Schema.Int.check(Schema.isGreaterThan(0)).pipe(Schema.withDecodingDefaultKey(Effect.succeed(1))),
    loud: Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(true)))
  }),
  pipeline: Pipeline.make<{ name: string; times: number; loud: boolean }>("hello").pipe(
    Pipeline.step(Step.make("greet", ({ name, times, loud }: { name: string; times: number; loud: boolean }) =>
      Effect.logInfo(JSON.stringify({ name, times, loud }))))
  )
})
`

/** Writes \`started\` and its number into a file, and waits until there is a file \`go\`. Undoes its step. */
export const gate = `import { Effect } from "effect"
import { appendFileSync, existsSync } from "node:fs"
import { Pipeline, Step } from "jiji"
const say = (text: string) => Effect.sync(() => appendFileSync("log", text + "\\n"))
export default Pipeline.make("gate").pipe(
  Pipeline.step(Step.make("prepare", () => say("prepared")).pipe(Step.undo(() => say("undone")))),
  Pipeline.step(Step.make("wait", () => Effect.gen(function* () {
    yield* say("started " + process.pid)
    while (!existsSync("go")) yield* Effect.sleep("20 millis")
    yield* say("went")
  })))
)
`

/** A property of a value that may be an object. */
export const property = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? Object.entries(value).find(([name]) => name === key)?.[1] : undefined

interface Answer {
  readonly status: number
  /** Of whatever type: each test compares it. */
  readonly body: unknown
  /** The body's sentence, if it is an error. */
  readonly message: string
}

/** A folder with a project `shop`, an empty home folder, and what runs `jiji` and its API there. `serving` is what serves. */
export const makeServer = (files: Readonly<Record<string, string>> = {}, serving: string = program) => {
  const root = mkdtempSync(join(tmpdir(), "jiji-serve-"))
  const projects = join(root, "projects")
  const all = {
    "shop/.jiji/deploy.yml": deployFile,
    "shop/.jiji/pipelines/hello.ts": hello,
    "shop/.jiji/pipelines/gate.ts": gate,
    ...files
  }
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(projects, name)), { recursive: true })
    writeFileSync(join(projects, name), text, { mode: 0o600 })
  }
  for (const [name, text] of Object.entries(all)) write(name, text)
  const env = { PATH: "/usr/bin:/bin", HOME: root, ...shortRun }
  const started: Array<Bun.Subprocess> = []

  const jiji = (...args: ReadonlyArray<string>) => {
    const { exitCode, stderr, stdout } = Bun.spawnSync([program, ...args], {
      cwd: root,
      env,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe"
    })
    return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
  }

  /** Starts `jiji serve`, and waits until it serves. */
  const serve = async (...flags: ReadonlyArray<string>) => {
    const port = flags.includes("--port") ? [] : ["--port", "0"]
    const child = Bun.spawn([serving, "serve", projects, ...port, ...flags], {
      cwd: root,
      env,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe"
    })
    started.push(child)
    let stderr = ""
    const reading = (async () => {
      const decoder = new TextDecoder()
      for await (const chunk of child.stderr) stderr += decoder.decode(chunk, { stream: true })
    })()
    const url = await until(() => /http:\S+/.exec(stderr)?.[0] ?? (child.exitCode === null ? "" : `exited: ${stderr}`))
    return {
      child,
      url,
      stderr: () => stderr,
      /** Waits until it has exited, and returns its exit code. */
      exited: async () => {
        await Promise.all([child.exited, reading])
        return child.exitCode ?? child.signalCode
      },
      request: async (
        token: string,
        path: string,
        init: { readonly method?: string; readonly json?: unknown; readonly headers?: Record<string, string> } = {}
      ): Promise<Answer> => {
        const response = await fetch(`${url}${path}`, {
          method: init.method ?? (init.json === undefined ? "GET" : "POST"),
          headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...init.headers },
          ...(init.json !== undefined && { body: JSON.stringify(init.json) })
        })
        const text = await response.text()
        const body: unknown = text === "" ? undefined : JSON.parse(text)
        return { status: response.status, body, message: String(property(body, "message")) }
      },
      /** All events of a run as they come, until the stream ends. */
      events: async (
        token: string,
        id: number,
        after?: number
      ): Promise<
        ReadonlyArray<{ readonly id: number; readonly data: { readonly _tag: string; readonly text?: string } }>
      > => {
        const response = await fetch(`${url}/api/runs/${id}/events`, {
          headers: { authorization: `Bearer ${token}`, ...(after !== undefined && { "last-event-id": String(after) }) }
        })
        const frames = (await response.text()).split("\n\n").filter((frame) => frame.startsWith("id: "))
        return frames.map((frame) => {
          const [id = "", , data = ""] = frame.split("\n")
          return { id: Number(id.slice(4)), data: JSON.parse(data.slice(6)) }
        })
      }
    }
  }
  return {
    root,
    projects,
    jiji,
    serve,
    write,
    token: (name: string, role: string) => jiji("token", "create", name, "--role", role).stdout.trim(),
    [Symbol.dispose]: () => {
      for (const child of started) if (child.exitCode === null) child.kill("SIGKILL")
      rmSync(root, { recursive: true, force: true })
    }
  }
}

export type Server = Awaited<ReturnType<ReturnType<typeof makeServer>["serve"]>>

/** Starts a run, and returns its ID. */
export const start = async (server: Server, token: string, json: unknown): Promise<number> => {
  const { body, message, status } = await server.request(token, "/api/runs", { json })
  if (status !== 202) throw new Error(`${status}: ${message}`)
  return Number(property(body, "id"))
}

/** Waits until a run has a status, and returns it. */
export const untilStatus = (server: Server, token: string, id: number, status: string) =>
  until(
    async () => (await server.request(token, `/api/runs/${id}`)).body,
    (body) => property(body, "status") === status
  )
