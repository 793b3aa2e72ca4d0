import { describe, expect } from "bun:test"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Deferred, Duration, Effect, Exit } from "effect"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { it } from "../support/effect.ts"
import { isAlive } from "../support/processes.ts"
import { advanceUntilDone, untilEffect } from "../support/waiting.ts"
import { sh, good, folder, runWith, read } from "./hooked.ts"

/** Whether the process runs whose id a hook has written into a file. */
const isRunning = (root: string, name: string) =>
  existsSync(join(root, name)) && read(root, name) !== "" && isAlive(Number(read(root, name)))

describe("a hook", () => {
  it.effect("that hangs is killed after its timeout, with its child processes", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const line = "trap '' TERM; sleep 600 & echo $! > child; echo $$ > own; wait; wait"
      const hooks = [{ on: ["run.succeeded" as const], command: sh(line), timeout: Duration.millis(500) }]
      const running = yield* Effect.forkChild(runWith(root, hooks, good))
      yield* untilEffect(() => isRunning(root, "own"))
      const { exit, stderr } = yield* advanceUntilDone(running, "100 millis")
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(stderr).toContain(
        "warning: The hook tell failed on run.succeeded: it took longer than 0.5 s and was stopped.\n"
      )
      for (const name of ["own", "child"]) expect(isRunning(root, name)).toBe(false)
    })
  )

  it.live("can exit and leave work running in the background", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const work = "(trap '' PIPE; while [ ! -e enough ]; do sleep 0.1; done; touch done) & echo $! > child"
      const hooks = [
        { name: "well", on: ["run.succeeded" as const], command: sh(`${work}; exit 0`), timeout: Duration.seconds(20) },
        { name: "badly", on: ["run.succeeded" as const], command: sh("sleep 600 & echo $! > left; echo no; exit 3") }
      ]
      const { exit, stderr } = yield* runWith(root, hooks, good)
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(stderr).toMatch(/^warning: The hook badly failed on run\.succeeded: exit code 3: no\.\n[^\n]*\n$/)
      expect(isRunning(root, "left")).toBe(false)
      expect(isRunning(root, "child")).toBe(true)
      writeFileSync(join(root, "enough"), "")
      yield* untilEffect(() => !isRunning(root, "child"))
      expect(existsSync(join(root, "done"))).toBe(true)
    })
  )

  it.effect("that is slow does not slow down the run, and dropped events are counted", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const open = yield* Deferred.make<void>()
      let steps: Pipeline.Pipeline<{}, object> = Pipeline.make("deploy")
      for (let n = 0; n < 150; n++) steps = steps.pipe(Pipeline.step(Step.make(`step${n}`, () => Effect.void)))
      const all = steps.pipe(Pipeline.step(Step.make("last", () => Effect.asVoid(Deferred.succeed(open, undefined)))))
      const running = yield* Effect.forkChild(
        runWith(root, [{ on: ["step.succeeded"], command: ["sleep", "600"] }], all)
      )
      yield* Deferred.await(open)
      const { exit, stderr } = yield* advanceUntilDone(running, "100 millis")
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(stderr).toMatch(/^warning: 15\d events were dropped because hooks were too slow/)
    })
  )
})
