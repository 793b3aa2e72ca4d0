import { describe, expect } from "bun:test"
import { Duration, Deferred, Effect, Fiber, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { replaceLimit } from "../../../src/layers/docker/limits.ts"
import { CommandTimedOut, type Limit, type Process } from "../../../src/layers/processes/Command.ts"
import { LimitScale } from "../../../src/layers/processes/limit.ts"
import { collectOutput, streamStdout } from "../../../src/layers/processes/runCommand.ts"
import type { EventBody } from "../../../src/core/Event.ts"
import { Events } from "../../../src/core/Events.ts"
import { it } from "../../support/effect.ts"

/** A command that writes what a test gives it, and what was published about it. */
const command = Effect.fnUntraced(function* (limit: Limit | undefined) {
  const notes: Array<string> = []
  const events = Events.of({
    publish: (body: EventBody) => Effect.sync(() => void (body._tag === "StepNoted" && notes.push(body.text))),
    subscribe: Effect.succeed(Stream.empty)
  })
  const stdout = yield* Queue.unbounded<Uint8Array>()
  const ended = yield* Deferred.make<number>()
  let stopped = false
  const child: Process<never> = {
    stdout: Stream.interruptWhen(Stream.fromQueue(stdout), Deferred.await(ended)),
    stderr: Stream.empty,
    exitCode: Deferred.await(ended)
  }
  const start = Effect.acquireRelease(Effect.succeed(child), () => Effect.sync(() => void (stopped = true)))
  const asked = { words: ["docker", "pull", "nginx"], ...(limit !== undefined && { limit }) } as const
  return {
    notes,
    isStopped: () => stopped,
    run: collectOutput(events, "web1", asked, start),
    bytes: streamStdout(events, "web1", asked, start),
    print: Queue.offer(stdout, Buffer.from("a line\n")),
    exit: Deferred.succeed(ended, 0)
  }
})

const total: Limit = { after: "60 seconds", noteAfter: "10 seconds", waitingFor: "docker to answer" }
const silence: Limit = {
  after: "10 minutes",
  noteAfter: "30 seconds",
  counts: "silence",
  waitingFor: "docker to pull nginx"
}

/** Lets time pass in small steps, as it does. */
const pass = (times: number, step: Duration.Input) =>
  Effect.forEach(Array.from({ length: times }), () => TestClock.adjust(step), { discard: true })

describe("a command with a limit on its total time", () => {
  it.effect("is stopped when the time is up, and jiji says long before that it waits", () =>
    Effect.gen(function* () {
      const { isStopped, notes, print, run } = yield* command(total)
      const fiber = yield* Effect.forkChild(Effect.flip(run))
      yield* pass(5, "2 seconds")
      expect(notes).toEqual(["still waiting for docker to answer on web1 (10 s)"])
      yield* print
      yield* pass(20, "2 seconds")
      expect(notes).toEqual([
        "still waiting for docker to answer on web1 (10 s)",
        "still waiting for docker to answer on web1 (30 s)"
      ])
      expect(isStopped()).toBe(false)
      yield* pass(5, "2 seconds")
      const error = yield* Fiber.join(fiber)
      expect(error).toMatchObject({ _tag: "CommandTimedOut", machine: "web1", program: "docker", exitCode: 69 })
      expect(error.message).toBe("Timed out on web1 after waiting 60 s for docker to answer.")
      expect(error.remedy).toContain("`systemctl status docker`")
      expect(isStopped()).toBe(true)
    })
  )

  it.effect("is not disturbed if it ends before", () =>
    Effect.gen(function* () {
      const { exit, notes, print, run } = yield* command(total)
      const fiber = yield* Effect.forkChild(run)
      yield* pass(3, "3 seconds")
      yield* print
      yield* pass(1, "0 seconds")
      yield* exit
      expect(yield* Fiber.join(fiber)).toEqual({ stdout: "a line\n", stderr: "", exitCode: 0 })
      expect(notes).toEqual([])
    })
  )

  it.effect("has a name and notes for its time even if only the time is given", () =>
    Effect.gen(function* () {
      const { notes, run } = yield* command({ after: "12 seconds" })
      const fiber = yield* Effect.forkChild(Effect.flip(run))
      yield* pass(12, "1 second")
      expect((yield* Fiber.join(fiber)).message).toBe("Timed out on web1 after waiting 12 s for docker to finish.")
      expect(notes).toEqual([
        "still waiting for docker to finish on web1 (2 s)",
        "still waiting for docker to finish on web1 (6 s)"
      ])
    })
  )
})

describe("a command with a limit on its silence", () => {
  it.effect("may take any time while it prints", () =>
    Effect.gen(function* () {
      const { exit, notes, print, run } = yield* command(silence)
      const fiber = yield* Effect.forkChild(run)
      yield* Effect.forEach(Array.from({ length: 200 }), () => Effect.andThen(print, TestClock.adjust("20 seconds")))
      yield* exit
      expect((yield* Fiber.join(fiber)).exitCode).toBe(0)
      expect(notes).toEqual([])
    })
  )

  it.effect("is stopped after a time without output", () =>
    Effect.gen(function* () {
      const { isStopped, notes, print, run } = yield* command(silence)
      const fiber = yield* Effect.forkChild(Effect.flip(run))
      yield* pass(15, "20 seconds")
      yield* print
      yield* pass(32, "20 seconds")
      const error = yield* Fiber.join(fiber)
      expect(error.message).toBe(
        "Timed out on web1 while waiting for docker to pull nginx: no progress for 10 minutes."
      )
      expect(notes.map((note) => /\((.*)\)/.exec(note)?.[1])).toEqual([
        "no progress for 30 s",
        "no progress for 90 s",
        "no progress for 5 minutes",
        "no progress for 30 s",
        "no progress for 90 s",
        "no progress for 5 minutes"
      ])
      expect(isStopped()).toBe(true)
    })
  )

  it.effect("continues while other progress is made, such as through a tunnel", () =>
    Effect.gen(function* () {
      let carried = 0
      const { notes, run } = yield* command({ ...silence, progress: Effect.sync(() => carried) })
      const fiber = yield* Effect.forkChild(Effect.flip(run))
      for (const _ of Array.from({ length: 100 })) {
        carried++
        yield* TestClock.adjust("20 seconds")
      }
      expect(notes).toEqual([])
      yield* pass(32, "20 seconds")
      expect((yield* Fiber.join(fiber))._tag).toBe("CommandTimedOut")
    })
  )

  it.effect("has more time if it turns out that it shows no progress", () =>
    Effect.gen(function* () {
      let isHidden = false
      const { isStopped, run } = yield* command({ ...silence, stretch: () => (isHidden ? 6 : 1) })
      const fiber = yield* Effect.forkChild(Effect.flip(run))
      yield* pass(10, "20 seconds")
      isHidden = true
      yield* pass(160, "20 seconds")
      expect(isStopped()).toBe(false)
      yield* pass(12, "20 seconds")
      expect((yield* Fiber.join(fiber)).message).toContain("no progress for 60 minutes")
    })
  )

  it.effect("is stopped if it streams its output", () =>
    Effect.gen(function* () {
      const { bytes, isStopped, print } = yield* command(silence)
      const fiber = yield* Effect.forkChild(Effect.flip(Stream.runDrain(bytes)))
      yield* Effect.forEach(Array.from({ length: 100 }), () => Effect.andThen(print, TestClock.adjust("20 seconds")))
      expect(isStopped()).toBe(false)
      yield* pass(32, "20 seconds")
      expect((yield* Fiber.join(fiber))._tag).toBe("CommandTimedOut")
      expect(isStopped()).toBe(true)
    })
  )
})

describe("a command that asks whether its program still answers", () => {
  const frozen = new CommandTimedOut({
    machine: "web1",
    program: "docker",
    waitingFor: "docker to answer",
    millis: 60_000,
    counts: "total"
  })

  it.effect("is stopped as soon as it does not", () =>
    Effect.gen(function* () {
      const ask = Effect.delay(Effect.fail(frozen), "60 seconds")
      const { isStopped, notes, run } = yield* command({ ...silence, ask })
      const fiber = yield* Effect.forkChild(Effect.flip(run))
      yield* pass(9, "10 seconds")
      expect(yield* Fiber.join(fiber)).toBe(frozen)
      expect(notes).toHaveLength(1)
      expect(isStopped()).toBe(true)
    })
  )

  it.effect("continues if it wrote something in the meantime", () =>
    Effect.gen(function* () {
      const ask = Effect.delay(Effect.fail(frozen), "60 seconds")
      const { exit, print, run } = yield* command({ ...silence, ask })
      const fiber = yield* Effect.forkChild(run)
      yield* pass(5, "10 seconds")
      yield* print
      yield* pass(5, "10 seconds")
      yield* exit
      expect((yield* Fiber.join(fiber)).exitCode).toBe(0)
    })
  )

  it.effect("is stopped at its own limit if asking takes for ever", () =>
    Effect.gen(function* () {
      const { run } = yield* command({ ...silence, ask: Effect.never })
      const fiber = yield* Effect.forkChild(Effect.flip(run))
      yield* pass(100, "10 seconds")
      expect((yield* Fiber.join(fiber)).message).toContain("no progress for 10 minutes")
    })
  )

  it.effect("is asked again later, and stopped at its own limit", () =>
    Effect.gen(function* () {
      let asked = 0
      const { run } = yield* command({ ...silence, ask: Effect.sync(() => asked++) })
      const fiber = yield* Effect.forkChild(Effect.flip(run))
      yield* pass(60, "10 seconds")
      expect((yield* Fiber.join(fiber)).message).toContain("no progress for 10 minutes")
      expect(asked).toBe(3)
    })
  )

  for (const frozenAfter of [0, 600])
    it.effect(`is stopped soon, if it replaces a container and its engine freezes after ${frozenAfter} s`, () =>
      Effect.gen(function* () {
        let seconds = 0
        const ask = Effect.suspend(() =>
          seconds < frozenAfter ? Effect.void : Effect.delay(Effect.fail(frozen), "60 seconds")
        )
        const health = { runningFor: Duration.seconds(10), timeout: Duration.hours(1) }
        const { run } = yield* command({ ...replaceLimit("docker", "web", health), ask })
        const fiber = yield* Effect.forkChild(Effect.flip(run))
        while (fiber.pollUnsafe() === undefined) {
          seconds += 5
          yield* TestClock.adjust("5 seconds")
        }
        expect(yield* Fiber.join(fiber)).toBe(frozen)
        expect(seconds - frozenAfter).toBeLessThanOrEqual(95)
      })
    )
})

it.effect("a command without a limit is waited for", () =>
  Effect.gen(function* () {
    const { exit, notes, run } = yield* command(undefined)
    const fiber = yield* Effect.forkChild(run)
    yield* pass(30, "1 day")
    yield* exit
    expect((yield* Fiber.join(fiber)).exitCode).toBe(0)
    expect(notes.slice(0, 3)).toEqual([
      "still waiting for docker to finish on web1 (30 s)",
      "still waiting for docker to finish on web1 (90 s)",
      "still waiting for docker to finish on web1 (5 minutes)"
    ])
    expect(notes).toHaveLength(11)
  })
)

it.effect("tests can shorten all limits", () =>
  Effect.gen(function* () {
    const { notes, run } = yield* command(total)
    const fiber = yield* Effect.forkChild(Effect.flip(run).pipe(Effect.provideService(LimitScale, 0.1)))
    yield* pass(6, "1 second")
    expect((yield* Fiber.join(fiber))._tag).toBe("CommandTimedOut")
    expect(notes).toHaveLength(2)
  })
)
