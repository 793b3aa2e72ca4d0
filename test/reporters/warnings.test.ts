import { describe, expect } from "bun:test"
import { Effect, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Event } from "../../src/core/Event.ts"
import { Notices } from "../../src/reporters/Notices.ts"
import { plain } from "../../src/reporters/plain.ts"
import { feed } from "../../src/reporters/Reporter.ts"
import { it } from "../support/effect.ts"
import { emulator, playing } from "./emulator.ts"
import { story } from "./story.ts"

const text =
  "The version is a hash of the files to build, because git cannot read the repository of /srv/shop: " +
  "fatal: detected dubious ownership in repository at '/srv/shop/a/path/that/is/longer/than/the/screen'"

const version = "deploy/version"
const events = story(
  [0, "deploy", { _tag: "RunStarted", version: 1, name: "deploy" }],
  [1, "deploy/servers[web1]/pull", { _tag: "StepStarted", kind: "step" }],
  [2, version, { _tag: "StepStarted", kind: "step" }],
  [3, version, { _tag: "StepNoted", level: "warning", text }],
  [4, version, { _tag: "StepNoted", level: "warning", text: "short" }],
  [5, version, { _tag: "StepSucceeded", kind: "step", millis: 3 }]
)

/** Plays the events and returns all lines on the screen. */
const shown = Effect.fnUntraced(function* (events: ReadonlyArray<Event>, columns: number) {
  const screen = emulator(columns, 30)
  const { play } = yield* playing(screen)
  yield* play(events)
  expect(yield* Effect.promise(screen.wrapped)).toBe(false)
  return (yield* Effect.promise(screen.all)).split("\n")
})

describe("a warning that is wider than the screen", () => {
  it.effect("is shown whole, in lines that fit, above the steps that run", () =>
    Effect.gen(function* () {
      expect(yield* shown(events, 40)).toEqual([
        "deploy",
        "! version",
        "  The version is a hash of the files to",
        "  build, because git cannot read the",
        "  repository of /srv/shop: fatal:",
        "  detected dubious ownership in",
        "  repository at '/srv/shop/a/path/that/",
        "  is/longer/than/the/screen'",
        "! version             short",
        "✓ version       3 ms",
        "· pull           0 s  web1"
      ])
    })
  )

  for (const columns of [12, 20, 35, 36, 37, 80, 200, 240]) {
    it.effect(`loses no character in ${columns} columns`, () =>
      Effect.gen(function* () {
        const characters = (text: string) => text.replaceAll(/\s/g, "")
        const lines = yield* shown(events, columns)
        expect(characters(lines.join(""))).toContain(characters(text))
      })
    )
  }

  it.effect("is shown whole if it belongs to no step", () =>
    Effect.gen(function* () {
      const screen = emulator(40, 30)
      const { play } = yield* playing(screen)
      yield* play(events.slice(0, 2))
      ;(yield* Notices).print("The run history in /home/dev/.local/state/jiji cannot be written: No space left.")
      yield* TestClock.adjust("200 millis")
      expect((yield* Effect.promise(screen.all)).split("\n").slice(0, 5)).toEqual([
        "deploy",
        "! The run history in",
        "  /home/dev/.local/state/jiji cannot be",
        "  written: No space left.",
        "· pull           0 s  web1"
      ])
    })
  )

  it.effect("stays one line in plain output", () =>
    Effect.gen(function* () {
      const written: Array<string> = []
      const reporter = plain({ write: (text) => void written.push(text), columns: 40, colors: false })
      yield* feed(reporter)(Stream.fromIterable(events))
      expect(written.filter((line) => line.includes("warning: "))).toEqual([
        `   0.0s  version: warning: ${text}\n`,
        "   0.0s  version: warning: short\n"
      ])
    })
  )
})
