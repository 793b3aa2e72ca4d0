import { expect } from "bun:test"
import { Duration, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Events } from "../../../src/core/Events.ts"
import { replaceLimit } from "../../../src/layers/docker/limits.ts"
import { CommandTimedOut, type Process } from "../../../src/layers/processes/Command.ts"
import { collectOutput } from "../../../src/layers/processes/runCommand.ts"
import { it } from "../../support/effect.ts"

const events = Events.of({ publish: () => Effect.void, subscribe: Effect.succeed(Stream.empty) })
const silent: Process<never> = { stdout: Stream.never, stderr: Stream.never, exitCode: Effect.never }
const frozen = new CommandTimedOut({
  machine: "web1",
  program: "docker",
  waitingFor: "docker to answer",
  millis: 60_000,
  counts: "total"
})

/** The seconds after which a replacement stops whose engine freezes after this time. */
const stopsAfter = Effect.fnUntraced(function* (frozenAfter: number) {
  let seconds = 0
  const ask = Effect.suspend(() =>
    seconds < frozenAfter ? Effect.void : Effect.delay(Effect.fail(frozen), "60 seconds")
  )
  const health = { runningFor: Duration.seconds(10), timeout: Duration.hours(1) }
  const limit = { ...replaceLimit("docker", "web", health), ask }
  const run = collectOutput(events, "web1", { words: ["sh"], limit }, Effect.succeed(silent))
  const fiber = yield* Effect.forkChild(Effect.flip(run))
  while (fiber.pollUnsafe() === undefined) {
    seconds += 5
    yield* TestClock.adjust("5 seconds")
  }
  expect(yield* Fiber.join(fiber)).toBe(frozen)
  return seconds
})

for (const frozenAfter of [0, 600])
  it.effect(`a replacement with a long health timeout stops soon if its engine freezes after ${frozenAfter} s`, () =>
    Effect.gen(function* () {
      expect((yield* stopsAfter(frozenAfter)) - frozenAfter).toBeLessThanOrEqual(95)
    })
  )
