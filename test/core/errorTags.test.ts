import { expect } from "bun:test"
import { Cause, Effect, Layer, Redacted, Stream } from "effect"
import { Events } from "../../src/core/Events.ts"
import { failureRecords } from "../../src/core/failureRecords.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import { StepTimedOut } from "../../src/pipeline/PipelineError.ts"
import { it } from "../support/effect.ts"

it.effect("an event keeps the tags of jiji's own errors, and has no secret in an author's", () =>
  Effect.gen(function* () {
    const scrubber = yield* Scrubber
    for (const secret of ["StepTimedOut", "Defect", "Failure", "hunter22"]) scrubber.add(Redacted.make(secret))
    const { publish, subscribe } = yield* Events
    const stream = yield* subscribe
    const causes = [
      Cause.fail(new StepTimedOut({ path: "p", millis: 1 })),
      Cause.die("odd"),
      Cause.fail("plain"),
      Cause.fail({ _tag: "Refused: hunter22" })
    ]
    const failures = causes.flatMap((cause) => failureRecords(cause))
    yield* publish({ _tag: "StepFailed", kind: "step", millis: 1, failures })
    const [event] = yield* Stream.runCollect(Stream.take(stream, 1))
    expect(event?._tag === "StepFailed" && event.failures.map(({ tag }) => tag)).toEqual([
      "StepTimedOut",
      "Defect",
      "Failure",
      "Refused: <redacted>"
    ])
  }).pipe(Effect.scoped, Effect.provide(Events.layer.pipe(Layer.provideMerge(Scrubber.layer))))
)
