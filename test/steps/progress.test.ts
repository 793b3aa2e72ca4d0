import { describe, expect } from "bun:test"
import { Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Event } from "../../src/core/Event.ts"
import { Events } from "../../src/core/Events.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import { Docker } from "../../src/layers/docker/Docker.ts"
import * as Pull from "../../src/steps/Pull.ts"
import { type Progress, watched } from "../../src/steps/progress.ts"
import { it } from "../effect.ts"
import { project, server, service } from "./rehearsal.ts"

/** Collects the published events. */
const collectEvents = Effect.gen(function* () {
  const seen: Array<Event> = []
  const stream = yield* (yield* Events).subscribe
  yield* Effect.forkScoped(
    Stream.runForEach(stream, (event) => Effect.sync(() => seen.push(event))),
    { startImmediately: true }
  )
  return () =>
    Effect.map(Effect.yieldNow, () =>
      seen.map((event) => (event._tag === "StepProgress" ? [event.time, event.bytes, event.total] : event))
    )
})

const events = Events.layer.pipe(Layer.provide(Scrubber.layer))

/** Pulls the first service at 1000 bytes per second through a tunnel that has already carried 500 bytes. */
const pulling = (names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const published = yield* collectEvents
    let bytes = 500
    const docker = Layer.mock(Docker, {
      pull: () =>
        Effect.gen(function* () {
          for (let second = 0; second < 2; second++) {
            yield* Effect.sleep("1 second")
            bytes += 1000
          }
          return { id: "sha256:1d", architecture: "amd64", size: 4000, repoDigests: [] }
        })
    })
    const [name = ""] = names
    const pushed = { service: name, repository: "r", reference: "r:v1", version: "v1", digest: "sha256:d1" }
    const fiber = yield* Effect.forkChild(
      Pull.step.run({
        project: project({ services: names.map((name) => service(name, ["web1"])) }),
        server: { ...server("web1"), engine: { name: "docker", version: "20", architecture: "amd64", containers: [] } },
        work: { service: service(name, ["web1"]), image: { ...pushed, architecture: "amd64", size: 4000 } },
        secrets: new Map(),
        tunnel: { port: 9270, carried: Effect.sync(() => bytes), lost: Effect.never }
      }),
      { startImmediately: true }
    ).pipe(Effect.provide(docker))
    for (let times = 0; times < 30; times++) yield* TestClock.adjust("100 millis")
    yield* Fiber.join(fiber)
    return yield* published()
  }).pipe(Effect.provide(events))

describe("the progress of a step", () => {
  it.effect("counts the bytes through the tunnel since the pull started", () =>
    Effect.gen(function* () {
      expect(yield* pulling(["web"])).toEqual([
        [1000, 1000, 4000],
        [2000, 2000, 4000]
      ])
    })
  )

  it.effect("has no total if other services share the tunnel", () =>
    Effect.gen(function* () {
      expect((yield* pulling(["web", "api"])).at(-1)).toEqual([2000, 2000, undefined])
    })
  )

  it.effect("is published at most five times per second, and only if it changed", () =>
    Effect.gen(function* () {
      const published = yield* collectEvents
      let bytes = 0
      const progress: Progress = { label: "read", amount: Effect.sync(() => ({ bytes, total: 50 })) }
      const fiber = yield* Effect.forkChild(watched(progress, Effect.never), { startImmediately: true })
      for (const each of [10, 20, 30, 40]) {
        bytes = each
        yield* TestClock.adjust("100 millis")
      }
      yield* TestClock.adjust("1 minute")
      expect(yield* published()).toEqual([
        [200, 20, 50],
        [400, 40, 50]
      ])
      yield* Fiber.interrupt(fiber)
      bytes = 45
      yield* TestClock.adjust("1 minute")
      expect(yield* published()).toHaveLength(2)
    }).pipe(Effect.provide(events))
  )

  it.effect("never exceeds its total", () =>
    Effect.gen(function* () {
      const published = yield* collectEvents
      for (const amount of [{ bytes: 51, total: 50 }, { bytes: 7 }, { bytes: 0, total: 50 }]) {
        expect(yield* watched({ label: "read", amount: Effect.succeed(amount) }, Effect.succeed("done"))).toBe("done")
      }
      expect(yield* published()).toEqual([
        [0, 51, 51],
        [0, 7, undefined]
      ])
    }).pipe(Effect.provide(events))
  )
})
