import { Effect, Fiber, Layer, Redacted, Schema } from "effect"
import { makeTelemetry } from "../../src/cli/telemetry/telemetry.ts"
import { local } from "../../src/layers/shell/Machine.ts"
import { Processes } from "../../src/layers/processes/Processes.ts"
import { Shell } from "../../src/layers/shell/Shell.ts"
import { Ssh } from "../../src/layers/ssh/Ssh.ts"
import { Events } from "../../src/core/Events.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Platform from "../../src/layers/Platform.ts"
import type { Project } from "../../src/config/Project.ts"

/** A shell that cannot reach servers. */
export const localShell = Shell.layer.pipe(Layer.provide([Processes.layer, Layer.mock(Ssh, {})]))

export const secret = "hunter22hunter22"

interface Attribute {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}
interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: ReadonlyArray<Attribute>
  readonly events: ReadonlyArray<{ readonly name: string; readonly attributes: ReadonlyArray<Attribute> }>
  readonly status: { readonly code: number; readonly message?: string }
}
interface Posted {
  readonly path: string
  readonly type: string | null
  readonly key: string | null
  readonly body: string
}

/** A collector on loopback and the requests that it received. `answer` returns its responses. */
export const collector = (answer: () => Response | Promise<Response> = () => new Response("{}")) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const posted: Array<Posted> = []
      const server = Bun.serve({
        port: 0,
        hostname: "127.0.0.1",
        idleTimeout: 0,
        fetch: async (request) => {
          posted.push({
            path: new URL(request.url).pathname,
            type: request.headers.get("content-type"),
            key: request.headers.get("x-api-key"),
            body: Buffer.from(await request.arrayBuffer()).toString("latin1")
          })
          return answer()
        }
      })
      return { server, posted, url: `http://127.0.0.1:${server.port}` }
    }),
    ({ server }) => Effect.promise(() => server.stop(true))
  )

export const spansOf = (posted: ReadonlyArray<Posted>): ReadonlyArray<Span> =>
  posted
    .filter(({ path }) => path === "/v1/traces")
    .flatMap(({ body }) => JSON.parse(body).resourceSpans[0].scopeSpans[0].spans)

export const attributes = (span: { readonly attributes: ReadonlyArray<Attribute> }) =>
  Object.fromEntries(span.attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

export class Broken extends Schema.TaggedError<Broken>()("Broken", { why: Schema.String }) {
  override get message() {
    return `It broke: ${this.why}.`
  }
  readonly remedy = "Fix it."
  readonly exitCode = 1
}

export const shop: Project = {
  name: "shop",
  environment: "staging",
  root: "/",
  engine: "docker",
  registry: { type: "local", port: 9270 },
  servers: [],
  services: []
}

export const shell = Step.make("shell", () =>
  Effect.gen(function* () {
    const { run } = yield* Shell
    yield* run(local, { words: ["sh", "-c", `exit 3 # ${secret}`], env: { TOKEN: Redacted.make(secret) } })
    yield* (yield* Events).publish({ _tag: "StepProgress", label: "to web1", bytes: 1000, total: 2500 })
    yield* (yield* Events).publish({ _tag: "StepProgress", label: "to web1", bytes: 2500, total: 2500 })
  }).pipe(Effect.orDie)
)
export const fails = Step.make("fails", () => new Broken({ why: secret }))
export const testPipeline = Pipeline.make("deploy").pipe(
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items: () => ["web1", "web2"],
    key: String,
    body: Pipeline.make<{ readonly server: string }>("server").pipe(Pipeline.step(shell))
  }),
  Pipeline.step(Step.make("nothing", () => Effect.succeed(Step.skip("there is none")))),
  Pipeline.step(fails)
)

/** Runs a pipeline with a local shell and the telemetry that the variables ask for. */
export const run = Effect.fnUntraced(function* <E>(
  env: Readonly<Record<string, string>>,
  pipeline: Pipeline.Pipeline<{}, object, E, Shell | Events>
) {
  const { followers, traceCommands } = makeTelemetry({ env, version: "1.2.3", warn: () => {} })
  const scrubber = Scrubber.make()
  scrubber.add(Redacted.make(secret))
  return yield* Effect.gen(function* () {
    const { subscribe } = yield* Events
    const fibers = yield* Effect.forEach(followers(shop), (follow) =>
      Effect.flatMap(subscribe, (stream) => Effect.forkChild(follow(stream), { startImmediately: true }))
    )
    const exit = yield* Effect.exit(Pipeline.run(pipeline, {}, traceCommands(localShell)))
    yield* Fiber.awaitAll(fibers)
    return { exit, fibers: fibers.length }
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Events.layer.pipe(Layer.provideMerge(Layer.succeed(Scrubber, scrubber)), Layer.provideMerge(Platform.layer))
    )
  )
})
