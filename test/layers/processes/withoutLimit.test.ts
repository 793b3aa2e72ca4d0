import { expect } from "bun:test"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { EventBody } from "../../../src/core/Event.ts"
import { Events } from "../../../src/core/Events.ts"
import type { Command, Process } from "../../../src/layers/processes/Command.ts"
import { collectOutput, streamStdout } from "../../../src/layers/processes/runCommand.ts"
import { it } from "../../support/effect.ts"

const silent: Process<never> = { stdout: Stream.never, stderr: Stream.never, exitCode: Effect.never }

/** What jiji says in ten minutes while it waits for a command that never ends. */
const notesOf = Effect.fnUntraced(function* (machine: string, options: Partial<Command>, isStreamed = false) {
  const notes: Array<string> = []
  const events = Events.of({
    publish: (body: EventBody) => Effect.sync(() => void (body._tag === "StepNoted" && notes.push(body.text))),
    subscribe: Effect.succeed(Stream.empty)
  })
  const command: Command = { words: ["pg_dump", "shop"], ...options }
  const run = isStreamed
    ? Stream.runDrain(streamStdout(events, machine, command, Effect.succeed(silent)))
    : Effect.asVoid(collectOutput(events, machine, command, Effect.succeed(silent)))
  const fiber = yield* Effect.forkChild(run)
  yield* Effect.forEach(Array.from({ length: 60 }), () => TestClock.adjust("10 seconds"), { discard: true })
  expect(fiber.pollUnsafe()).toBeUndefined()
  yield* Fiber.interrupt(fiber)
  return notes
})

it.effect("jiji says that it still waits for a command without a limit on a server", () =>
  Effect.gen(function* () {
    expect(yield* notesOf("web1", {})).toEqual([
      "still waiting for pg_dump to finish on web1 (30 s)",
      "still waiting for pg_dump to finish on web1 (90 s)",
      "still waiting for pg_dump to finish on web1 (5 minutes)"
    ])
  })
)

for (const [what, machine, options, isStreamed] of [
  ["on this machine", "local", {}, false],
  ["that asks a person", "web1", { asks: true }, false],
  ["that shows its output", "web1", { show: "all" }, false],
  ["that streams its output", "web1", {}, true]
] as const)
  it.effect(`jiji says nothing about a command without a limit ${what}`, () =>
    Effect.gen(function* () {
      expect(yield* notesOf(machine, options, isStreamed)).toEqual([])
    })
  )
