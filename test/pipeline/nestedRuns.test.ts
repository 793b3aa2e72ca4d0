import { describe, expect } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Fiber, Layer, Option, Stream } from "effect"
import { withFollowers } from "../../src/cli/withFollowers.ts"
import type { Event } from "../../src/core/Event.ts"
import { Events } from "../../src/core/Events.ts"
import { ownEvents, wholeRun } from "../../src/core/runEvents.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { readRun } from "../../src/record/read.ts"
import { recorder } from "../../src/record/recorder.ts"
import { annotations } from "../../src/reporters/github/annotations.ts"
import { jobSummary } from "../../src/reporters/github/jobSummary.ts"
import { json } from "../../src/reporters/json.ts"
import { plain } from "../../src/reporters/plain.ts"
import { feed } from "../../src/reporters/Reporter.ts"
import { terminal } from "../../src/reporters/terminal.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { hook, runWith, sh, read, folder } from "../cli/hooked.ts"
import { it } from "../support/effect.ts"
import { fail, pass } from "./watch.ts"

const { make, run, step } = Pipeline

/** A step with an undo that adds its name to a list. */
const undoable = (name: string, undone: Array<string>) =>
  Step.make(name, () => Effect.void).pipe(Step.undo(() => Effect.sync(() => undone.push(name))))

const good = make("child").pipe(step(pass("inner")))
const bad = make("child").pipe(step(fail("inner")))

/** Starts a run of its own, and fails later. */
const failing = make("outer").pipe(step(Step.make("nest", () => run(good, {}))), step(fail("late")))

/** Runs a pipeline and returns its exit and every event in its stream. */
const watch = <S, E>(pipeline: Pipeline.Pipeline<{}, S, E, Events>) =>
  Effect.gen(function* () {
    const stream = yield* (yield* Events).subscribe
    const reader = yield* Effect.forkChild(Stream.runCollect(wholeRun(stream)), { startImmediately: true })
    const exit = yield* Effect.exit(run(pipeline, {}))
    return { exit, events: [...(yield* Fiber.join(reader))] }
  }).pipe(Effect.scoped, Effect.provide(layer))
const layer = Events.layer.pipe(Layer.provideMerge(Scrubber.layer))

const brief = ({ _tag, path }: Event) => `${_tag} ${path}`

describe("a run that a step starts", () => {
  it.effect("has an ID of its own, names its parent, and does not end the stream of the outer run", () =>
    Effect.gen(function* () {
      const { events } = yield* watch(failing)
      expect(events.map(brief)).toEqual([
        "RunStarted outer",
        "StepStarted outer/nest",
        "RunStarted child",
        "StepStarted child/inner",
        "StepSucceeded child/inner",
        "RunSucceeded child",
        "StepSucceeded outer/nest",
        "StepStarted outer/late",
        "StepFailed outer/late",
        "RunFailed outer"
      ])
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
      const [outer, , child] = events
      expect(child?.run).not.toBe(outer?.run)
      expect(events.filter(({ run }) => run === child?.run).map(brief)).toEqual(events.slice(2, 6).map(brief))
      expect(outer).not.toHaveProperty("parent")
      expect(child).toHaveProperty("parent", outer?.run)
      const own = yield* Stream.runCollect(ownEvents(Stream.fromIterable(events)))
      expect([...own].map(brief)).toEqual(events.filter(({ run }) => run === outer?.run).map(brief))
    })
  )

  it.effect("undoes its steps if it fails, before it ends, and the outer run undoes its own", () =>
    Effect.gen(function* () {
      const undone: Array<string> = []
      const child = make("child").pipe(step(undoable("inner", undone)), step(fail("broken")))
      const outer = make("outer").pipe(step(undoable("first", undone)), step(Step.make("nest", () => run(child, {}))))
      const { events, exit } = yield* watch(outer)
      expect(exit._tag).toBe("Failure")
      expect(undone).toEqual(["inner", "first"])
      const tags = events.map(brief)
      expect(tags.indexOf("StepSucceeded child/inner/undo")).toBeLessThan(tags.indexOf("RunFailed child"))
      expect(tags.at(-1)).toBe("RunFailed outer")
    })
  )

  it.effect(
    "is undone once it has succeeded and the outer run fails, by its own undos or by that of the step that started it",
    () =>
      Effect.gen(function* () {
        const undone: Array<string> = []
        const child = make("child").pipe(step(undoable("inner", undone)))
        const nest = Step.make("nest", () => run(child, {}))
        yield* watch(make("outer").pipe(step(nest), step(fail("late"))))
        expect(undone.splice(0)).toEqual(["inner"])
        const withUndo = nest.pipe(Step.undo(() => Effect.sync(() => undone.push("nest"))))
        yield* watch(make("outer").pipe(step(withUndo), step(fail("late"))))
        expect(undone).toEqual(["nest"])
      })
  )

  it.effect("can be started several times at once, also by the same pipeline", () =>
    Effect.gen(function* () {
      const both = Effect.all([run(good, {}), run(good, {}), Effect.exit(run(bad, {}))] as const, {
        concurrency: "unbounded"
      })
      const { events, exit } = yield* watch(make("outer").pipe(step(Step.make("nest", () => both.pipe(Effect.asVoid)))))
      expect(exit._tag).toBe("Success")
      expect(new Set(events.map(({ run }) => run)).size).toBe(4)
      expect(events.slice(-2).map(brief)).toEqual(["StepSucceeded outer/nest", "RunSucceeded outer"])
    })
  )

  it.effect("does not end a rehearsal", () =>
    Effect.gen(function* () {
      const rehearsed = yield* Rehearsal.run(failing, {})
      expect(rehearsed.events.at(-1)).toMatchObject({ _tag: "RunFailed", path: "outer" })
      expect(rehearsed.failures.map(({ message }) => message)).toEqual(["late broke."])
    })
  )
})

describe("with a run inside a run", () => {
  it.live("every reporter shows the end of the outer run, and the run history has it", () =>
    Effect.gen(function* () {
      const root = mkdtempSync(join(tmpdir(), "jiji-nested-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(root, { recursive: true, force: true })))
      const history = join(root, "runs.sqlite")
      const texts: Record<"json" | "plain" | "terminal" | "annotations" | "summary", string> = {
        json: "",
        plain: "",
        terminal: "",
        annotations: "",
        summary: ""
      }
      const output = (name: keyof typeof texts) => ({
        write: (text: string) => void (texts[name] += text),
        columns: 100,
        rows: 40,
        colors: false
      })
      const append = (text: string) => Effect.sync(() => void (texts.summary += text))
      const info = { project: "shop", servers: [], who: "me" }
      const warned: Array<unknown> = []
      const nest = Step.make("nest", () => Effect.exit(run(bad, {})).pipe(Effect.andThen(run(good, {}))))
      const pipeline = make("outer").pipe(step(nest), step(fail("late")))
      const exit = yield* withFollowers(
        [
          feed(json(output("json"))),
          feed(plain(output("plain"))),
          terminal(output("terminal")),
          feed(annotations(output("annotations")), ownEvents),
          jobSummary(append, { project: "shop" }),
          recorder(history, info, (error) => void warned.push(error))
        ],
        run(pipeline, {})
      ).pipe(Effect.exit)
      expect([exit._tag, warned]).toEqual(["Failure", []])
      expect(JSON.parse(texts.json.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({
        _tag: "RunFailed",
        path: "outer"
      })
      expect(texts.plain).toMatch(
        / child failed after .*\n(?:.*\n)* .*child done\n(?:.*\n)*.* late: FAILED: late broke\./
      )
      expect(texts.plain).toMatch(/ {2}failed after \S+ \S+\n$/)
      expect(texts.terminal).toMatch(/✗ child failed after/)
      expect(texts.terminal).toMatch(/✓ child done in/)
      expect(texts.terminal).toMatch(/✗ late .*\n✗ failed after [^\n]*\n[^\n]*$/)
      expect(texts.annotations).toBe("::error title=late failed::late broke.%0A→ Fix it.\n")
      expect(texts.summary).toMatch(/^### ❌ <code>outer<\/code>/)
      expect(texts.summary).not.toContain("inner")
      const { events, run: stored } = yield* readRun(history, Option.none())
      expect(stored).toMatchObject({ pipeline: "outer", outcome: "failed" })
      expect(events.map(brief)).not.toContain("RunSucceeded child")
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.live("hooks on the run only run for the outer run", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const on = ["run.started", "run.succeeded", "run.failed", "step.failed"] as const
      const nest = Step.make("nest", () => Effect.exit(run(bad, {})).pipe(Effect.andThen(run(good, {}))))
      const pipeline = make("outer").pipe(step(nest), step(fail("late")))
      yield* runWith(root, [hook({ on, command: sh('echo "$JIJI_EVENT $JIJI_PATH" >> log') })], pipeline)
      expect(read(root, "log")).toBe("run.started outer\nstep.failed outer/late\nrun.failed outer\n")
    })
  )
})
