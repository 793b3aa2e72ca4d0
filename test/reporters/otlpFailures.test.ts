import { describe, expect } from "bun:test"
import { Cause, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { it } from "../support/effect.ts"
import { advanceUntilDone, untilEffect } from "../support/waiting.ts"
import { collector, Broken, testPipeline, run } from "./collector.ts"

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
