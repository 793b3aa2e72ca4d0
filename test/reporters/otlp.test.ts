import { describe, expect } from "bun:test"
import { Cause, Deferred, Effect, Exit, Schedule } from "effect"
import { local } from "../../src/layers/shell/Machine.ts"
import { Shell } from "../../src/layers/shell/Shell.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { it } from "../support/effect.ts"
import { secret, collector, spansOf, attributes, Broken, fails, testPipeline, run } from "./collector.ts"

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
