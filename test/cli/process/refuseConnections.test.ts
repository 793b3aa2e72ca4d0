import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { refuseConnections } from "../../../src/cli/process/refuseConnections.ts"
import { Pipeline, Step } from "../../../src/index.ts"
import { Rehearsal } from "../../../src/testing/index.ts"
import { it } from "../../support/effect.ts"

const caught = Step.make("caught", () => Effect.ignore(Effect.tryPromise(() => fetch("http://127.0.0.1:1/"))))
const pipeline = Pipeline.make("own").pipe(
  Pipeline.step(Step.make("before", () => Effect.void).pipe(Step.undo(() => Effect.void))),
  Pipeline.step(caught)
)

describe("a refused connection", () => {
  it.live("fails the step that opens it, and undoes the others", () =>
    Effect.gen(function* () {
      const failed: Array<string> = []
      yield* Effect.acquireRelease(
        Effect.sync(() => refuseConnections(({ _tag }) => failed.push(_tag))),
        (restore) => Effect.sync(restore)
      )
      const { events, failures, undone } = yield* Rehearsal.run(pipeline, {})
      expect(failed).toEqual(["NotSimulated"])
      expect(failures).toMatchObject([{ tag: "NotSimulated" }])
      expect(undone).toEqual(["own/before"])
      const end = events.find(({ _tag, path }) => path === "own/caught" && _tag !== "StepStarted")
      expect(end).toMatchObject({ _tag: "StepFailed", failures: [{ tag: "NotSimulated" }] })
    })
  )
})
