import { describe, expect, test } from "bun:test"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import type { Event } from "../../src/core/Event.ts"
import { it } from "../support/effect.ts"
import { type Emulator, emulator, playing } from "./emulator.ts"
import { failure, interruption, manyServers, noise, story, success } from "./story.ts"

const now = (screen: Emulator) => Effect.promise(screen.now)
const all = (screen: Emulator) => Effect.promise(screen.all)

/** Plays a whole run on a new screen. */
const played = Effect.fnUntraced(function* (events: ReadonlyArray<Event>, columns: number, rows = 30, colors = false) {
  const screen = emulator(columns, rows)
  const { ended, play } = yield* playing(screen, colors)
  yield* play(events)
  yield* ended
  return screen
})

/** Plays a story that has no end, and keeps the live view running. */
const during = Effect.fnUntraced(function* (events: ReadonlyArray<Event>, columns: number, rows = 30) {
  const screen = emulator(columns, rows)
  const { interrupt, play } = yield* playing(screen)
  yield* play(events)
  return { screen, play, interrupt }
})

describe("the live view", () => {
  it.effect("shows one line per step, with its duration and its last message", () =>
    Effect.gen(function* () {
      expect(yield* all(yield* played(success, 80))).toBe(`deploy
- secrets             none is used
✓ version      39 ms  abc1234
✓ connect     258 ms  web1  docker 20.10.24, amd64
✓ build        1.9 s  web
✓ push        200 ms  web  4.2 MB of 12 MB new
✓ tunnel       41 ms  web1
✓ pull         1.3 s  web1 web
✓ deploy       1.5 s  web1 web
- pull                web1 cache  it runs there already
- deploy              web1 cache  it runs there already
✓ done in 1 min 5 s

SERVICE  SERVER  VERSION  DIGEST        OUTCOME    TIME
web      web1    abc1234  0123456789ab  replaced   2.8 s
cache    web1    7        0123456789ab  unchanged  2 ms`)
    })
  )

  it.effect("truncates lines at the edge of a narrow screen", () =>
    Effect.gen(function* () {
      expect(yield* all(yield* played(failure, 40))).toBe(`deploy
- secrets             none is used
✓ version      39 ms  abc1234
✓ connect     258 ms  web1  docker 20.…
✓ build        1.9 s  web
✓ push        200 ms  web  4.2 MB of 1…
✓ pull         1.3 s  web1 web
✗ deploy       1.5 s  web1 web  The ne…
✗ tunnel      997 ms  web2  web2 does …
! tunnel              web2
  tunnel did not close in time
- servers             web3  not starte…
✗ failed after 6.0 s

SERVICE  SERVER  OUTCOME      TIME
web      web1    failed       2.8 s
-        web2    failed       999 ms
-        web3    not started  0 ms`)
    })
  )

  it.effect("shows which steps were interrupted", () =>
    Effect.gen(function* () {
      const lines = (yield* all(yield* played(interruption, 80))).split("\n")
      expect(lines.slice(6, 8)).toEqual(["! pull        848 ms  web1 web  interrupted", "! interrupted after 3.0 s"])
    })
  )
})

/** Two running steps: a build that writes lines, and a push that reports its progress. */
const running = story(
  [0, "deploy", { _tag: "RunStarted", version: 1, name: "deploy" }],
  [0, "deploy/images/services[api]/build", { _tag: "StepStarted", kind: "step" }],
  [100, "deploy/images/services[web]/push", { _tag: "StepStarted", kind: "step" }],
  [
    200,
    "deploy/images/services[api]/build",
    { _tag: "StepOutput", machine: "local", stream: "stdout", line: "Step 1/2 : FROM scratch" }
  ],
  [
    300,
    "deploy/images/services[web]/push",
    { _tag: "StepProgress", label: "read", bytes: 4_200_000, total: 12_300_000 }
  ]
)

describe("below the finished steps, the live view", () => {
  it.effect("shows one line per running step, with its progress and elapsed time", () =>
    Effect.gen(function* () {
      const { screen } = yield* during(running, 80)
      expect(yield* now(screen)).toBe(`deploy
· build          0 s  api  Step 1/2 : FROM scratch
· push           0 s  web  34%  4.2 MB of 12 MB read`)
      yield* TestClock.adjust("65 seconds")
      expect(yield* now(screen)).toBe(`deploy
· build    1 min 5 s  api  Step 1/2 : FROM scratch
· push     1 min 5 s  web  34%  4.2 MB of 12 MB read`)
    })
  )

  it.effect("shows only as many steps as fit the screen", () =>
    Effect.gen(function* () {
      const { interrupt, play, screen } = yield* during(manyServers.slice(0, 101), 80, 14)
      const lines = (yield* now(screen)).split("\n")
      expect(lines).toHaveLength(11)
      expect(lines.slice(0, 3)).toEqual(["deploy", "· pull           0 s  web1 web", "· pull           0 s  web2 web"])
      expect(lines.at(-1)).toBe("… and 91 more")
      yield* play(manyServers.slice(101))
      yield* interrupt
      const whole = (yield* all(screen)).split("\n")
      expect(whole.filter((line) => line.startsWith("✓ pull"))).toHaveLength(100)
      expect(new Set(whole).size).toBe(whole.length)
      expect(whole.at(-1)).toBe("✓ done in 9.0 s")
    })
  )

  it.effect("draws the last events and leaves the cursor at the start of a line when it is stopped", () =>
    Effect.gen(function* () {
      const { interrupt, screen } = yield* during([...running, ...success.slice(0, 3)], 80)
      yield* interrupt
      expect((yield* now(screen)).split("\n").slice(0, 2)).toEqual(["deploy", "deploy"])
      expect(screen.cursor()[0]).toBe(0)
    })
  )

  it.effect("does not redraw for every line of a command's output", () =>
    Effect.gen(function* () {
      const line = (index: number) =>
        [
          1000 + index / 100,
          "deploy/images/services[api]/build",
          { _tag: "StepOutput", machine: "local", stream: "stdout", line: `line ${index} of very many lines` }
        ] as const
      const { screen } = yield* during([...running, ...story(...Array.from({ length: 10_000 }, (_, i) => line(i)))], 80)
      expect(yield* now(screen)).toContain("api  line 9999 of very many lines")
      expect(screen.raw().length).toBeLessThan(4000)
    })
  )

  it.effect("writes nothing while nothing changes", () =>
    Effect.gen(function* () {
      const { screen } = yield* during(success.slice(0, 3), 80)
      const before = screen.raw()
      yield* TestClock.adjust("1 minute")
      expect(screen.raw()).toBe(before)
    })
  )
})

describe("when the window is resized, the live view", () => {
  it.effect("redraws in the new size and leaves nothing of the old one", () =>
    Effect.gen(function* () {
      const { play, screen } = yield* during(running, 80)
      for (const [columns, rows] of [
        [40, 20],
        [30, 10],
        [20, 24],
        [200, 50],
        [60, 24]
      ] as const) {
        yield* Effect.promise(() => screen.resize(columns, rows))
        yield* TestClock.adjust("200 millis")
        const lines = (yield* now(screen)).split("\n")
        expect([columns, lines.length, lines[0]]).toEqual([columns, 3, "deploy"])
        expect(lines[1]).toMatch(/^· build .*api/)
        expect(lines[2]).toMatch(/^· push /)
      }
      yield* play([])
      expect((yield* all(screen)).split("\n")).toHaveLength(3)
    })
  )

  const widths = fc.integer({ min: 20, max: 130 })
  const resizes = fc.array(fc.tuple(fc.nat(success.length), widths, fc.integer({ min: 12, max: 40 })), { maxLength: 6 })

  test("shows each line exactly once, whenever and however the size changes", async () => {
    await fc.assert(
      fc.asyncProperty(widths, resizes, async (columns, resizes) => {
        const screen = emulator(columns, 20)
        const program = Effect.gen(function* () {
          const { ended, play } = yield* playing(screen)
          for (const [index, event] of success.entries()) {
            yield* play([event])
            for (const [at, columns, rows] of resizes) {
              if (at === index) yield* Effect.promise(() => screen.resize(columns, rows))
            }
          }
          yield* ended
        })
        await Effect.runPromise(Effect.scoped(Effect.provide(program, TestClock.layer({ warningDelay: "30 seconds" }))))
        const signs = (await screen.logical()).map((line) => line.slice(0, 5)).filter((line) => /^[·✓✗!-] /.test(line))
        const steps = ["- sec", "✓ ver", "✓ con", "✓ bui", "✓ pus", "✓ tun", "✓ pul", "✓ dep", "- pul", "- dep"]
        expect(signs).toEqual([...steps, "✓ don"])
      }),
      { numRuns: 40 }
    )
  }, 60_000)
})

describe("whatever a server writes, the live view", () => {
  it.effect("never writes a line wider than the screen", () =>
    Effect.gen(function* () {
      for (const columns of [20, 21, 35, 36, 40, 80, 200]) {
        for (const events of [success, failure, interruption, noise]) {
          const screen = yield* played(events, columns)
          expect(yield* Effect.promise(screen.wrapped)).toBe(false)
        }
      }
    })
  )

  it.effect("passes on no control characters", () =>
    Effect.gen(function* () {
      for (const events of [success, failure, interruption, noise]) {
        const text = (yield* played(events, 80, 30, true)).raw()
        // oxlint-disable-next-line no-control-regex -- matches the reporter's own sequences, the only ones allowed
        const own = /\r|\u001b\[\d+A|\u001b\[[JK]|\u001b\[\?7[lh]|\u001b\[\d+m|\n/g
        expect(text.replaceAll(own, "")).not.toMatch(/\p{Cc}/u)
      }
    })
  )
})

it.effect("uses no colors if they are disabled", () =>
  Effect.gen(function* () {
    // oxlint-disable-next-line no-control-regex -- matches colors
    const color = /\u001b\[\d+m/
    expect((yield* played(failure, 80, 30, true)).raw()).toMatch(color)
    expect((yield* played(failure, 80, 30, false)).raw()).not.toMatch(color)
  })
)
