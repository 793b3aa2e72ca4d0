import { describe, expect } from "bun:test"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { Effect, Exit } from "effect"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { it } from "../support/effect.ts"
import { sh, good, bad, folder, runWith, read, error } from "./hooked.ts"

describe("a required hook", () => {
  it.live("on run.started blocks the run until it has exited", () =>
    Effect.gen(function* () {
      const root = yield* folder
      let there = false
      const look = Step.make("look", () => Effect.sync(() => void (there = existsSync(join(root, "done")))))
      const hooks = [{ on: ["run.started" as const], command: sh("sleep 0.2; touch done"), required: true }]
      const { exit } = yield* runWith(root, hooks, Pipeline.make("deploy").pipe(Pipeline.step(look)))
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(there).toBe(true)
    })
  )

  it.live("on run.started that fails fails the run before any step", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const { events, exit, stderr } = yield* runWith(
        root,
        [
          { name: "freeze", on: ["run.started"], command: sh("echo frozen; exit 1"), required: true },
          { name: "after", on: ["run.failed"], command: sh('printf %s "$JIJI_MESSAGE" > message') }
        ],
        good
      )
      expect(error(exit)).toMatchObject({ _tag: "HookFailed", hook: "freeze", exitCode: 1 })
      expect(events.map(({ _tag }) => _tag)).toEqual(["RunStarted", "RunFailed"])
      expect(stderr).toBe("")
      expect(read(root, "message")).toMatch(
        /^deploy of shop \(staging\) failed after .*: The hook freeze failed on run.*frozen\.$/
      )
    })
  )

  it.live("that fails later lets the run finish, and fails the command", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const hooks = [{ on: ["step.succeeded" as const], command: ["false"], required: true, only: "deploy/pull" }]
      const { events, exit, stderr } = yield* runWith(root, hooks, good)
      expect(error(exit)).toMatchObject({ _tag: "HookFailed", event: "step.succeeded" })
      expect(events.at(-1)?._tag).toBe("RunSucceeded")
      expect(stderr).toBe("")
    })
  )

  it.live("does not hide the failure of a run", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const { exit, stderr } = yield* runWith(root, [{ on: ["run.failed"], command: ["false"], required: true }], bad)
      expect(error(exit)).toMatchObject({ _tag: "Broken" })
      expect(stderr).toContain("warning: The hook tell failed on run.failed: exit code 1.\n")
    })
  )
})
