import { expect } from "bun:test"
import { Effect, Exit, Fiber, Layer, Redacted, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Output } from "../../../src/layers/processes/Command.ts"
import { Docker } from "../../../src/layers/docker/Docker.ts"
import { Events } from "../../../src/core/Events.ts"
import { Scrubber } from "../../../src/core/Scrubber.ts"
import * as Answer from "../../../src/testing/Answer.ts"
import * as Recording from "../../../src/rehearsal/layers.ts"
import { it } from "../../support/effect.ts"

const credentials = { server: "ghcr.io", username: "me", password: Redacted.make("hunter22") }

/** Checks a login that meets these words of docker's one after another, and then succeeds; in no time. */
const meet = (words: ReadonlyArray<string>) => {
  const rest = [...words]
  const answer = (): Output => {
    const stderr = rest.shift()
    return { stdout: "", stderr: stderr ?? "", exitCode: stderr === undefined ? 0 : 1 }
  }
  return Effect.gen(function* () {
    const stream = yield* (yield* Events).subscribe
    const notes: Array<string> = []
    yield* stream.pipe(
      Stream.runForEach((event) => Effect.sync(() => event._tag === "StepNoted" && notes.push(event.text))),
      Effect.forkScoped
    )
    const docker = yield* Docker
    const checking = yield* Effect.forkChild(Effect.exit(docker.check("docker", credentials)))
    yield* TestClock.adjust("10 minutes")
    const exit = yield* Fiber.join(checking)
    yield* Effect.yieldNow
    const { entries } = yield* Recording.Recording
    return { exit, notes, times: entries.length }
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Docker.layer.pipe(
        Layer.provideMerge(Recording.layer([Answer.from(answer)])),
        Layer.provideMerge(Events.layer),
        Layer.provide(Scrubber.layer)
      )
    )
  )
}

it.effect("retries a registry that fails briefly, with growing pauses, and reports each retry", () =>
  Effect.gen(function* () {
    const words = ["unexpected HTTP status: 503 Service Unavailable", 'Get "https://ghcr.io/v2/": EOF', "i/o timeout"]
    const { exit, notes, times } = yield* meet(words)
    expect(Exit.isSuccess(exit)).toBe(true)
    expect(times).toBe(4)
    expect(notes).toEqual([
      "the registry reported an internal error; retrying in 1 s (1 of 3)",
      "the connection to the registry was lost; retrying in 2 s (2 of 3)",
      "the registry did not respond in time; retrying in 4 s (3 of 3)"
    ])
  })
)

it.effect("gives up with the registry's error when it keeps failing", () =>
  Effect.gen(function* () {
    const { exit, times } = yield* meet(
      Array.from({ length: 9 }, () => "unexpected HTTP status: 500 Internal Server Error")
    )
    expect(times).toBe(4)
    expect(Exit.isFailure(exit) && exit.cause.reasons[0]).toMatchObject({ error: { _tag: "RegistryFailing" } })
  })
)

it.effect("waits as long as the registry asks, but at most a minute", () =>
  Effect.gen(function* () {
    const { notes } = yield* meet(["toomanyrequests: retry-after: 6.2s, allowed: 44000/minute"])
    expect(notes).toEqual(["the registry's rate limit was reached; retrying in 7 s (1 of 3)"])
    const hour = yield* meet(["toomanyrequests: retry-after: 1h"])
    expect([hour.times, hour.notes]).toEqual([1, []])
    expect(Exit.isFailure(hour.exit) && hour.exit.cause.reasons[0]).toMatchObject({ error: { retryAfter: 3600 } })
  })
)

it.effect("does not retry after half a minute of failures, because the engine has retried already", () =>
  Effect.gen(function* () {
    const { times } = yield* meet(Array.from({ length: 9 }, () => "toomanyrequests: retry-after: 40s"))
    expect(times).toBe(2)
  })
)

it.effect("does not retry what a retry cannot fix", () =>
  Effect.gen(function* () {
    const words = [
      "unauthorized: authentication required",
      "denied: permission_denied: write_package",
      "manifest unknown",
      "x509: certificate signed by unknown authority",
      "http: server gave HTTP response to HTTPS client",
      "dial tcp: lookup nope.invalid: no such host",
      "unexpected HTTP status: 507 Insufficient Storage",
      "toomanyrequests: You have reached your pull rate limit.",
      "something else"
    ]
    for (const said of words) {
      const { notes, times } = yield* meet([said])
      expect([said, times, notes]).toEqual([said, 1, []])
    }
  })
)
