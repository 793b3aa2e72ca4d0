import { describe, expect, test } from "bun:test"
import { Cron, Effect, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Trigger } from "../../src/config/Trigger.ts"
import { Commands } from "../../src/serve/Commands.ts"
import { Feed } from "../../src/serve/Feed.ts"
import { Inspector } from "../../src/serve/Inspector.ts"
import { openState } from "../../src/serve/openState.ts"
import { Projects } from "../../src/serve/Projects.ts"
import { Runner } from "../../src/serve/Runner.ts"
import { RunStore } from "../../src/serve/RunStore.ts"
import { dueTick, followClock } from "../../src/serve/triggers/cron.ts"
import { Deliveries } from "../../src/serve/triggers/Deliveries.ts"
import { HookSecrets } from "../../src/serve/triggers/HookSecrets.ts"
import { Triggers } from "../../src/serve/triggers/Triggers.ts"
import { it } from "../support/effect.ts"

const shop = { name: "shop", folder: "/srv/shop" }
const cron = (line: string, timeZone = "UTC", name = "nightly"): Trigger => ({
  name,
  source: { _tag: "Cron", cron: line, timeZone },
  start: { _tag: "Command", words: ["deploy", "--version", "$time"] }
})

/** What `jiji serve` has, with one project whose triggers a test can change, over a real database. */
const serving = (triggers: { current: ReadonlyArray<Trigger>; problems?: ReadonlyArray<string> }) => {
  const folder = mkdtempSync(join(tmpdir(), "jiji-cron-"))
  const stubs = Layer.mergeAll(
    Layer.succeed(
      Triggers,
      Triggers.of({
        of: () => Effect.sync(() => triggers.current),
        problems: () => Effect.sync(() => triggers.problems ?? []),
        find: () => Effect.die("not used"),
        startProblem: () => Effect.die("not used"),
        all: Effect.sync(() => triggers.current.map((trigger) => ({ project: shop, trigger })))
      })
    ),
    Layer.succeed(Commands, Commands.of({ check: (words) => Effect.succeed({ _tag: "Builtin", role: "run", words }) })),
    Layer.succeed(Projects, Projects.of({ list: Effect.succeed([shop]), find: () => Effect.succeed(shop) })),
    Layer.mock(HookSecrets, { scrub: (value) => value }),
    Layer.mock(Inspector, {}),
    Layer.mock(Runner, { places: 4, wake: Effect.void, isDraining: Effect.succeed(false) })
  )
  const removal = Layer.effectDiscard(
    Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true, force: true })))
  )
  return Layer.mergeAll(RunStore.layer, Deliveries.layer, Feed.layer, stubs).pipe(
    Layer.provideMerge(openState(join(folder, "serve.sqlite"))),
    Layer.provideMerge(removal)
  )
}

const time = (text: string) => Date.parse(text)

/** The times for which runs were queued, in order. */
const started = Effect.gen(function* () {
  const runs = yield* (yield* RunStore).list({ limit: 500 })
  return runs.map(({ words }) => words[2]).toReversed()
})

/** Runs `jiji serve` until the clock has moved on. */
const serveFor = (millis: number) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(followClock, { startImmediately: true })
    yield* TestClock.adjust(millis)
    yield* Fiber.interrupt(fiber)
  })

const minute = 60_000
const hour = 60 * minute

describe("cron triggers", () => {
  it.effect("start a run at each of their times, once", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(time("2026-11-30T02:59:50Z"))
      yield* serveFor(2 * hour + minute)
      expect(yield* started).toEqual([
        "2026-11-30T03:00:00.000Z",
        "2026-11-30T04:00:00.000Z",
        "2026-11-30T05:00:00.000Z"
      ])
      const [first] = yield* (yield* Deliveries).list({ limit: 1 })
      expect(first).toMatchObject({
        name: "nightly",
        source: "cron",
        verdict: "started",
        received: time("2026-11-30T05:00:00Z")
      })
    }).pipe(Effect.provide(serving({ current: [cron("0 * * * *")] })))
  )

  it.effect("make up for the last time that passed while no jiji serve ran", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(time("2026-11-30T01:30:00Z"))
      yield* serveFor(minute)
      yield* TestClock.setTime(time("2026-12-03T12:00:00Z"))
      yield* serveFor(minute)
      expect(yield* started).toEqual(["2026-12-03T03:00:00.000Z"])
      yield* serveFor(minute)
      expect(yield* started).toHaveLength(1)
    }).pipe(Effect.provide(serving({ current: [cron("0 3 * * *")] })))
  )

  it.effect("start nothing twice when the clock is set back", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(time("2026-11-30T02:59:00Z"))
      yield* serveFor(2 * minute)
      yield* TestClock.setTime(time("2026-11-30T02:58:00Z"))
      yield* serveFor(5 * minute)
      expect(yield* started).toEqual(["2026-11-30T03:00:00.000Z"])
      // It was years ahead, and is right again.
      yield* TestClock.setTime(time("2030-01-01T00:00:00Z"))
      yield* serveFor(minute)
      yield* TestClock.setTime(time("2026-11-30T02:59:00Z"))
      yield* serveFor(2 * minute)
      yield* TestClock.setTime(time("2026-12-01T02:59:00Z"))
      yield* serveFor(2 * minute)
      expect(yield* started).toEqual([
        "2026-11-30T03:00:00.000Z",
        "2029-12-31T03:00:00.000Z",
        "2026-12-01T03:00:00.000Z"
      ])
    }).pipe(Effect.provide(serving({ current: [cron("0 3 * * *")] })))
  )

  it.effect("start nothing twice when jiji serve is killed before the tick is stored", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* TestClock.setTime(time("2026-11-30T02:59:00Z"))
      yield* serveFor(2 * minute)
      yield* sql`UPDATE cron_ticks SET tick = ${time("2026-11-30T02:59:00Z")}`
      yield* serveFor(minute)
      expect(yield* started).toEqual(["2026-11-30T03:00:00.000Z"])
    }).pipe(Effect.provide(serving({ current: [cron("0 3 * * *")] })))
  )

  const triggers: { current: ReadonlyArray<Trigger>; problems?: ReadonlyArray<string> } = { current: [] }
  it.effect("have missed nothing before they were there, or while they were not", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(time("2026-11-30T12:00:00Z"))
      yield* serveFor(minute)
      triggers.current = [cron("0 3 * * *")]
      yield* serveFor(minute)
      triggers.current = [cron("0 4 * * *")]
      yield* TestClock.setTime(time("2026-12-01T12:00:00Z"))
      yield* serveFor(minute)
      triggers.current = []
      yield* serveFor(minute)
      yield* TestClock.setTime(time("2026-12-02T12:00:00Z"))
      triggers.current = [cron("0 4 * * *")]
      yield* serveFor(minute)
      expect(yield* started).toEqual([])
      // deploy.yml is broken for a day.
      triggers.current = []
      triggers.problems = ["broken"]
      yield* serveFor(minute)
      yield* TestClock.setTime(time("2026-12-03T12:00:00Z"))
      yield* serveFor(minute)
      triggers.current = [cron("0 4 * * *")]
      yield* serveFor(minute)
      expect(yield* started).toEqual(["2026-12-03T04:00:00.000Z"])
    }).pipe(Effect.provide(serving(triggers)))
  )
})

/** The ticks of a cron line, as a look every ten minutes finds them. */
const ticks = (cron: Cron.Cron, from: string, to: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  let done = time(from)
  for (let now = done; now < time(to); now += 10 * minute) {
    const { due, ...rest } = dueTick(cron, done, now)
    done = rest.done
    if (due !== undefined) found.push(new Date(due).toISOString())
  }
  return found
}

test("ticks follow their time zone, also when its offset changes", () => {
  const berlin = Cron.parseUnsafe("30 2 * * *", "Europe/Berlin")
  // 02:30 does not exist on March 29, and exists twice on October 25.
  expect(ticks(berlin, "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z")).toEqual([
    "2026-03-29T01:30:00.000Z",
    "2026-03-30T00:30:00.000Z"
  ])
  expect(ticks(berlin, "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z")).toEqual([
    "2026-10-25T00:30:00.000Z",
    "2026-10-26T01:30:00.000Z"
  ])
})

test("of many ticks that were missed, one is due", () => {
  const everyMinute = Cron.parseUnsafe("* * * * *", "UTC")
  expect(dueTick(everyMinute, 0, 59_999)).toEqual({ done: 0 })
  expect(dueTick(everyMinute, 0, 60_000)).toEqual({ done: 60_000, due: 60_000 })
  expect(dueTick(everyMinute, 0, 10 * minute + 1)).toEqual({ done: 10 * minute, due: 10 * minute })
  expect(dueTick(everyMinute, 10 * minute, 9 * minute)).toEqual({ done: 10 * minute })
})
