import { describe, expect, test } from "bun:test"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Redacted, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"
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
import { readSettings } from "../../src/reporters/otlp/settings.ts"
import type { Project } from "../../src/config/Project.ts"
import { it } from "../support/effect.ts"
import { advanceUntilDone, untilEffect } from "../support/waiting.ts"

/** A shell that cannot reach servers. */
const localShell = Shell.layer.pipe(Layer.provide([Processes.layer, Layer.mock(Ssh, {})]))

const secret = "hunter22hunter22"

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
const collector = (answer: () => Response | Promise<Response> = () => new Response("{}")) =>
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

const spansOf = (posted: ReadonlyArray<Posted>): ReadonlyArray<Span> =>
  posted
    .filter(({ path }) => path === "/v1/traces")
    .flatMap(({ body }) => JSON.parse(body).resourceSpans[0].scopeSpans[0].spans)

const attributes = (span: { readonly attributes: ReadonlyArray<Attribute> }) =>
  Object.fromEntries(span.attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

class Broken extends Schema.TaggedError<Broken>()("Broken", { why: Schema.String }) {
  override get message() {
    return `It broke: ${this.why}.`
  }
  readonly remedy = "Fix it."
  readonly exitCode = 1
}

const shop: Project = {
  name: "shop",
  environment: "staging",
  root: "/",
  engine: "docker",
  registry: { type: "local", port: 9270 },
  servers: [],
  services: []
}

const shell = Step.make("shell", () =>
  Effect.gen(function* () {
    const { run } = yield* Shell
    yield* run(local, { words: ["sh", "-c", `exit 3 # ${secret}`], env: { TOKEN: Redacted.make(secret) } })
    yield* (yield* Events).publish({ _tag: "StepProgress", label: "to web1", bytes: 1000, total: 2500 })
    yield* (yield* Events).publish({ _tag: "StepProgress", label: "to web1", bytes: 2500, total: 2500 })
  }).pipe(Effect.orDie)
)
const fails = Step.make("fails", () => new Broken({ why: secret }))
const testPipeline = Pipeline.make("deploy").pipe(
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
const run = Effect.fnUntraced(function* <E>(
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

describe("a collector receives", () => {
  it.live("a span for the run, each node and each command, nested correctly", () =>
    Effect.gen(function* () {
      const { posted, url } = yield* collector()
      const env = {
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
        OTEL_EXPORTER_OTLP_HEADERS: "x-api-key=a%20key",
        OTEL_RESOURCE_ATTRIBUTES: "team=ops,broken=100%",
        TRACEPARENT: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
      }
      const { exit } = yield* run(env, testPipeline)
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(Broken)
      const spans = spansOf(posted)
      const byId = new Map(spans.map((span) => [span.spanId, span]))
      expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set(["0af7651916cd43dd8448eb211c80319c"]))
      const tree = spans.map(
        ({ name, parentSpanId = "" }) => `${byId.get(parentSpanId)?.name ?? parentSpanId} > ${name}`
      )
      expect(tree.sort()).toEqual([
        "b7ad6b7169203331 > deploy",
        "deploy > deploy/fails",
        "deploy > deploy/nothing",
        "deploy > deploy/servers",
        "deploy/servers > deploy/servers[web1]",
        "deploy/servers > deploy/servers[web2]",
        "deploy/servers[web1] > deploy/servers[web1]/shell",
        "deploy/servers[web1]/shell > sh",
        "deploy/servers[web2] > deploy/servers[web2]/shell",
        "deploy/servers[web2]/shell > sh"
      ])
      for (const span of spans) {
        const [began, ended] = [BigInt(span.startTimeUnixNano), BigInt(span.endTimeUnixNano)]
        const parent = byId.get(span.parentSpanId ?? "")
        expect(ended).toBeGreaterThanOrEqual(began)
        if (parent === undefined) continue
        expect(began).toBeGreaterThanOrEqual(BigInt(parent.startTimeUnixNano))
        expect(ended).toBeLessThanOrEqual(BigInt(parent.endTimeUnixNano))
      }
      const named = (name: string) => spans.find((span) => span.name === name) ?? spans[0]
      expect(named("deploy")?.status).toEqual({ code: 2, message: "It broke: <redacted>." })
      expect(attributes(named("deploy") ?? { attributes: [] })).toMatchObject({
        "jiji.project": "shop",
        "jiji.environment": "staging"
      })
      expect(named("deploy/servers")?.status.code).toBe(1)
      expect(attributes(named("deploy/nothing") ?? { attributes: [] })).toMatchObject({
        "jiji.skipped": "there is none"
      })
      expect(attributes(named("deploy/servers[web1]/shell") ?? { attributes: [] })).toEqual({
        "jiji.kind": "step",
        "jiji.server": "web1"
      })
      expect(named("sh")?.status).toEqual({ code: 2, message: "exit code 3" })
      expect(attributes(named("sh") ?? { attributes: [] })).toEqual({
        "jiji.machine": "local",
        "process.executable.name": "sh",
        "process.exit.code": 3
      })
      const all = JSON.stringify(posted)
      expect(all).not.toContain(secret)
      expect(all).not.toContain(import.meta.dir)
      const resource = JSON.parse(posted.find(({ path }) => path === "/v1/traces")?.body ?? "").resourceSpans[0]
        .resource
      expect(attributes(resource)).toMatchObject({
        team: "ops",
        broken: "100%",
        "service.name": "jiji",
        "service.version": "1.2.3"
      })
      expect(new Set(posted.map(({ key }) => key))).toEqual(new Set(["a key"]))
    })
  )

  it.live("the failure of every retried attempt, as an event of the step's span", () =>
    Effect.gen(function* () {
      const { posted, url } = yield* collector()
      const again = fails.pipe(Step.retry(Schedule.recurs(1)))
      yield* run({ OTEL_EXPORTER_OTLP_ENDPOINT: url }, Pipeline.make("deploy").pipe(Pipeline.step(again)))
      const events = spansOf(posted).find(({ name }) => name === "deploy/fails")?.events ?? []
      expect(events.filter(({ name }) => name === "retried").map(attributes)).toEqual([
        {
          attempt: 1,
          millis: expect.any(Number),
          "exception.type": "Broken",
          "exception.message": "It broke: <redacted>."
        }
      ])
    })
  )

  it.live("metrics of the run, its steps and the bytes they transferred", () =>
    Effect.gen(function* () {
      const { posted, url } = yield* collector()
      yield* run({ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${url}/own`, OTEL_SERVICE_NAME: "ship" }, testPipeline)
      expect(new Set(posted.map(({ path }) => path))).toEqual(new Set(["/own"]))
      const { resource, scopeMetrics } = JSON.parse(posted.at(-1)?.body ?? "").resourceMetrics[0]
      expect(attributes(resource)).toMatchObject({ "service.name": "ship" })
      const { metrics } = scopeMetrics[0]
      const points = (name: string): ReadonlyArray<Record<string, never>> => {
        const metric = metrics.find((one: { readonly name: string }) => one.name === name)
        return (metric.sum ?? metric.histogram).dataPoints
      }
      const found = (name: string, more: object) =>
        points(name).find((point) =>
          Object.entries(more).every(([key, value]) => attributes(point as never)[key] === value)
        )
      expect(found("jiji.runs", { pipeline: "deploy", outcome: "failed", project: "shop" })).toBeDefined()
      expect(found("jiji.run.duration", { pipeline: "deploy", outcome: "failed" })).toBeDefined()
      const about = { project: "shop", environment: "staging" }
      expect(found("jiji.step.duration", { step: "shell", outcome: "succeeded", ...about })).toBeDefined()
      const units = metrics.map(({ name, unit }: Readonly<Record<string, string>>) => [name, unit])
      expect(Object.fromEntries(units)).toMatchObject({
        "jiji.run.duration": "s",
        "jiji.step.duration": "s",
        "jiji.bytes": "By"
      })
      expect(found("jiji.step.duration", { step: "nothing", outcome: "skipped" })).toBeDefined()
      // Other tests in this process add to the same counter.
      expect(Number(found("jiji.bytes", { step: "shell" })?.["asDouble"]) % 5000).toBe(0)
    })
  )

  it.live("protobuf if configured", () =>
    Effect.gen(function* () {
      const { posted, url } = yield* collector()
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf" }
      yield* run(env, testPipeline)
      expect(new Set(posted.map(({ type }) => type))).toEqual(new Set(["application/x-protobuf"]))
      expect(posted.map(({ path }) => path).sort()).toEqual(["/v1/metrics", "/v1/traces"])
      expect(posted.find(({ path }) => path === "/v1/traces")?.body).toContain("deploy/servers[web1]/shell")
      expect(JSON.stringify(posted)).not.toContain(secret)
    })
  )

  it.live("the span of a command that was interrupted", () =>
    Effect.gen(function* () {
      const { posted, url } = yield* collector()
      const began = yield* Deferred.make<void>()
      const hangs = Step.make("hangs", () =>
        Effect.gen(function* () {
          const { run } = yield* Shell
          yield* Effect.race(
            run(local, { words: ["sleep", "600"] }),
            Effect.andThen(Deferred.succeed(began, undefined), Effect.never)
          )
        }).pipe(Effect.orDie)
      )
      const fails = Step.make("fails", () => Effect.andThen(Deferred.await(began), new Broken({ why: "so" })))
      const pipeline = Pipeline.make("deploy").pipe(Pipeline.parallel(hangs, fails))
      yield* run({ OTEL_EXPORTER_OTLP_ENDPOINT: url }, pipeline)
      const spans = spansOf(posted)
      const sleep = spans.find(({ name }) => name === "sleep")
      expect(sleep?.parentSpanId).toBe(spans.find(({ name }) => name === "deploy/hangs")?.spanId)
      expect(sleep?.status.code).toBe(0)
    })
  )
})

describe("the run is not affected by a collector that", () => {
  const cases = {
    "answers with status 500": () => new Response("no", { status: 500 }),
    "never answers": () => new Promise<Response>(() => {}),
    "answers with something other than JSON": () => new Response("<html>")
  }
  for (const [what, answer] of Object.entries(cases)) {
    it.effect(what, () =>
      Effect.gen(function* () {
        const { posted, url } = yield* collector(answer)
        const running = yield* Effect.forkChild(run({ OTEL_EXPORTER_OTLP_ENDPOINT: url }, testPipeline))
        // Spans and metrics are both on their way, each with a time limit, before the clock moves.
        yield* untilEffect(() => new Set(posted.map(({ path }) => path)).size === 2)
        yield* TestClock.adjust("1500 millis")
        const { exit } = yield* Fiber.join(running)
        expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(Broken)
      })
    )
  }
  it.live("redirects to another server, which receives neither data nor the key", () =>
    Effect.gen(function* () {
      const other = yield* collector()
      const { posted, url } = yield* collector(() => Response.redirect(`${other.url}/elsewhere`, 307))
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_HEADERS: "x-api-key=a%20key" }
      const { exit } = yield* run(env, testPipeline)
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(Broken)
      expect(new Set(posted.map(({ key }) => key))).toEqual(new Set(["a key"]))
      expect(other.posted).toEqual([])
    })
  )
  it.effect("cannot be reached", () =>
    Effect.gen(function* () {
      const running = yield* Effect.forkChild(run({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" }, testPipeline))
      const { exit } = yield* advanceUntilDone(running, "100 millis")
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(Broken)
    })
  )
})

describe("the standard variables of OpenTelemetry", () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/base/" }

  test("send nothing if none is set or telemetry is disabled", () => {
    expect(readSettings({})).toBeUndefined()
    expect(readSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: "", OTEL_SERVICE_NAME: "x" })).toBeUndefined()
    expect(readSettings({ ...endpoint, OTEL_SDK_DISABLED: "TRUE" })).toBeUndefined()
    expect(readSettings({ ...endpoint, OTEL_TRACES_EXPORTER: "none", OTEL_METRICS_EXPORTER: "none" })).toBeUndefined()
    const none = makeTelemetry({ env: {}, version: "1", warn: () => {} })
    expect(none.followers(shop)).toEqual([])
    expect(none.traceCommands(localShell)).toBe(localShell)
  })

  test("set one endpoint for both signals, or one for each", () => {
    expect(readSettings(endpoint)).toMatchObject({
      traces: { url: "http://collector:4318/base/v1/traces", protocol: "http/json" },
      metrics: { url: "http://collector:4318/base/v1/metrics" },
      warnings: []
    })
    const own = readSettings({
      ...endpoint,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://t/x",
      OTEL_METRICS_EXPORTER: "none"
    })
    expect([own?.traces?.url, own?.metrics]).toEqual(["https://t/x", undefined])
  })

  test("cause one warning if they ask for something unsupported", () => {
    const warnings = (more: Readonly<Record<string, string>>) => readSettings({ ...endpoint, ...more })?.warnings
    expect(warnings({ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" })).toEqual([
      "OTEL_EXPORTER_OTLP_PROTOCOL is grpc; jiji supports only http/json and http/protobuf"
    ])
    expect(warnings({ OTEL_TRACES_EXPORTER: "zipkin" })).toEqual([
      "OTEL_TRACES_EXPORTER is zipkin; jiji supports only otlp and none"
    ])
    const said: Array<string> = []
    const env = { ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }
    expect(makeTelemetry({ env, version: "1", warn: (text) => said.push(text) }).followers(shop)).toHaveLength(0)
    expect(said.join("")).toStartWith("warning: OTEL_EXPORTER_OTLP_PROTOCOL is grpc; jiji supports only http/json")
    const rude = { ...endpoint, OTEL_TRACES_EXPORTER: "bad\u001b[2J\n::error::x" }
    makeTelemetry({ env: rude, version: "1", warn: (text) => said.push(text) }).followers(shop)
    expect(said.at(-1)).toStartWith("warning: OTEL_TRACES_EXPORTER is bad\n  | ::error::x; jiji supports only otlp")
    expect(warnings({ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" })).toEqual([
      "OTEL_EXPORTER_OTLP_ENDPOINT must be a URL that begins with http:// or https://"
    ])
  })

  test("set the parent span of a run, if it is valid", () => {
    const parent = (text: string) => readSettings({ ...endpoint, TRACEPARENT: text })?.parent
    const [traceId, spanId] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"]
    expect(parent(`00-${traceId}-${spanId}-01`)).toEqual({ traceId, spanId, sampled: true })
    expect(parent(`00-${traceId}-${spanId}-00`)).toEqual({ traceId, spanId, sampled: false })
    expect(parent(`00-${traceId}-0000000000000000-01`)).toBeUndefined()
    expect(parent("nonsense")).toBeUndefined()
  })
})
