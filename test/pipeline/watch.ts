import { Effect, Fiber, Layer, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Event } from "../../src/core/Event.ts"
import { Events } from "../../src/core/Events.ts"
import * as Resource from "../../src/core/Resource.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import * as Step from "../../src/pipeline/Step.ts"

export class Broken extends Schema.TaggedError<Broken>()("Broken", { what: Schema.String }) {
  override get message() {
    return `${this.what} broke.`
  }
  readonly remedy = "Fix it."
  readonly exitCode = 1
}

const layer = Events.layer.pipe(Layer.provideMerge(Scrubber.layer))

/** Runs the effect. Returns its exit, and the events of the run. */
export const watched = <A, E>(effect: Effect.Effect<A, E, Events>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const seen: Array<Event> = []
      const stream = yield* (yield* Events).subscribe
      const ended = (event: Event) => /^Run(Succeeded|Failed|Interrupted)$/.test(event._tag)
      const reader = yield* stream.pipe(
        Stream.takeUntil(ended),
        Stream.runForEach((event) => Effect.sync(() => seen.push(event))),
        Effect.forkChild
      )
      const exit = yield* Effect.exit(effect)
      yield* Fiber.join(reader)
      return { exit, events: seen, lines: seen.map(line) }
    })
  ).pipe(Effect.provide(layer))

/** Returns an event as one line. */
const line = (event: Event): string => {
  const detail =
    event._tag === "StepSkipped"
      ? event.reason
      : event._tag === "StepFailed" || event._tag === "RunFailed"
        ? event.failures.map((f) => f.message).join(" ")
        : event._tag === "StepRetried"
          ? `${event.attempt} in ${event.millis}, ${event.failures.map((f) => f.message).join(" ")}`
          : event._tag === "StepNoted"
            ? event.text
            : event._tag === "ResourceAcquired" || event._tag === "ResourceReleased"
              ? event.resource
              : ""
  return `${event._tag} ${event.path}${detail === "" ? "" : `: ${detail}`}`
}

export const hold = <const Name extends string>(name: Name) =>
  Step.make(name, () => Resource.acquire(name, Effect.succeed({}), () => Effect.void))
export const pass = <const Name extends string>(name: Name) => Step.make(name, () => Effect.void)
export const fail = <const Name extends string>(name: Name) =>
  Step.make(name, () => Effect.fail(new Broken({ what: name })))
export const never = <const Name extends string>(name: Name) => Step.make(name, () => Effect.never)

/** Like {@link watched}, while an hour of virtual time passes. */
export const inTime = <A, E>(effect: Effect.Effect<A, E, Events>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(watched(effect))
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })
