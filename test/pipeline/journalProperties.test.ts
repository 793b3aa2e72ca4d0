import { expect, test } from "bun:test"
import { Effect, Exit } from "effect"
import fc from "fast-check"
import type { Event } from "../../src/core/Event.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { checkNesting, checkOrder, checkUndos, events, isUndo, undoableNames } from "./checks.ts"
import { makeJournal } from "./journaled.ts"
import { builder, holding, type Shape, shape } from "./shapes.ts"

type Journaled = ReturnType<typeof makeJournal>

/** Runs a pipeline of these shapes in a new process: its steps remember nothing. Killed at an event, if it gets that far. */
const start = async (nodes: ReadonlyArray<Shape>, journaled: Journaled, event: number, turns: number) => {
  const ran: Array<string> = []
  const resources = holding()
  const { build, chosen, modes, tolerant } = builder(resources, (path) => void ran.push(path))
  const pipeline = build(nodes)
  // Somebody sends each signal two seconds after a step begins to wait for it.
  const signal = () => Effect.delay(Effect.succeed({ value: true, by: "ann" }), "2 seconds")
  const signaled = { ...journaled, journal: { ...journaled.journal, signal } }
  const { exit, seen } = await Effect.runPromise(events(pipeline, { event, turns }, signaled))
  const undone = seen.flatMap(({ _tag, path }) => (_tag === "StepStarted" && isUndo(path) ? [path] : []))
  return { exit, seen, ran, undone, pipelines: [Pipeline.describe(pipeline), ...chosen], modes, tolerant, resources }
}

const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1).replace(/\[.*$/, "")

/** Checks what holds for every run, also for one that continues another. */
const checkRun = ({ exit, modes, pipelines, resources, seen, tolerant }: Awaited<ReturnType<typeof start>>) => {
  checkOrder(seen, exit)
  checkNesting(seen)
  expect(resources.released.filter((times) => times !== 1)).toEqual([])
  const names = new Set(pipelines.flatMap(undoableNames))
  checkUndos(seen, (path) => !isUndo(path) && names.has(nameOf(path)), modes, tolerant)
}

const completedIn = ({ entries }: Journaled): ReadonlyArray<string> =>
  [...entries].flatMap(([path, { _tag }]) => (_tag === "Succeeded" || _tag === "Skipped" ? [path] : []))

const resumedIn = (seen: ReadonlyArray<Event>): ReadonlyArray<string> =>
  seen.flatMap((event) => ("resumed" in event && event.resumed === true ? [event.path] : []))

const isWithin = (path: string, outer: string) =>
  path === outer || path.startsWith(`${outer}/`) || path.startsWith(`${outer}[`)

/** Returns which steps were undone, or began to be. */
const undoneIn = (seen: ReadonlyArray<Event>) => {
  const undone = seen.flatMap(({ _tag, path }) =>
    _tag === "StepStarted" && isUndo(path) ? [path.slice(0, -"/undo".length)] : []
  )
  return (path: string) => undone.some((each) => isWithin(path, each))
}

/** Checks that a journal has each step that had completed after a number of events, and none whose undo had begun. */
const checkStored = (seen: ReadonlyArray<Event>, count: number, stored: ReadonlyArray<string>) => {
  const before = seen.slice(0, count)
  const done = before.flatMap((event) =>
    (event._tag === "StepSucceeded" || event._tag === "StepSkipped") && event.kind === "step" && "result" in event
      ? [event.path]
      : []
  )
  expect(stored.filter(undoneIn(before))).toEqual([])
  // It forgets a step shortly before the first event of its undo.
  const isUndone = undoneIn(seen)
  expect(done.filter((path) => !isUndone(path) && !stored.includes(path))).toEqual([])
}

/** Whether each run of these shapes does the same, however long each step takes. */
const isCalm = (node: Shape): boolean => {
  switch (node._tag) {
    case "step":
      return ["pass", "hold", "skip", "stuck", "sleep", "signal"].includes(node.kind) && node.timeout === 0
    case "pipeline":
    case "call":
    case "forEach":
      return node.around.timeout === 0 && node.nodes.every(isCalm)
    case "choose":
      return (node.holds ? node.nodes : node.others).every(isCalm)
    default:
      return node.nodes.every(isCalm)
  }
}

const failing: Shape = { _tag: "step", kind: "fail", sleeps: 0, retries: 0, timeout: 0, undo: "none" }
const never = Number.POSITIVE_INFINITY

const kill = fc.record({
  event: fc.integer({ min: 1, max: 60 }),
  turns: fc.integer({ min: 0, max: 9 }),
  // The run that continues it may be killed, too.
  again: fc.oneof(
    { weight: 3, arbitrary: fc.constant(never) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 40 }) }
  )
})

test("a run that was killed at any event goes on with what it has stored, and keeps its promises", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(shape, { maxLength: 4 }), kill, async (nodes, { again, event, turns }) => {
      const first = makeJournal()
      const { seen } = await start(nodes, first, event, turns)
      const second = makeJournal(first.entries, "first")
      const stored = completedIn(second)
      checkStored(seen, event, stored)
      const resumed = await start(nodes, second, again, turns)
      checkRun(resumed)
      // No step runs again whose result was stored.
      expect(resumed.ran.filter((path) => stored.includes(path))).toEqual([])
      expect(resumedIn(resumed.seen).filter((path) => !stored.includes(path))).toEqual([])
      const third = makeJournal(second.entries, "second")
      const storedLater = completedIn(third)
      const last = await start(nodes, third, never, 0)
      checkRun(last)
      checkStored(last.seen, last.seen.length, completedIn(third))
      expect(last.ran.filter((path) => storedLater.includes(path))).toEqual([])
    }),
    { numRuns: 300, seed: 1 }
  )
}, 120_000)

test("a run that was killed at any event ends as if it had not been, with the same state, undos and journal", async () => {
  let compared = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(shape, { maxLength: 4 }),
      fc.boolean(),
      kill,
      async (some, fails, { again, event, turns }) => {
        const calm = some.filter(isCalm)
        const nodes = fails ? [...calm, failing] : calm
        const whole = makeJournal()
        const reference = await start(nodes, whole, never, 0)
        const first = makeJournal()
        await start(nodes, first, event, turns)
        const second = makeJournal(first.entries, "first")
        await start(nodes, second, again, turns)
        const third = makeJournal(second.entries, "second")
        const last = await start(nodes, third, never, 0)
        if (calm.length > 0) compared++
        expect(Exit.isSuccess(last.exit)).toBe(Exit.isSuccess(reference.exit))
        if (Exit.isSuccess(last.exit) && Exit.isSuccess(reference.exit)) {
          expect(last.exit.value).toEqual(reference.exit.value)
        }
        expect(last.undone.toSorted()).toEqual(reference.undone.toSorted())
        expect([...third.entries].toSorted()).toEqual([...whole.entries].toSorted())
      }
    ),
    { numRuns: 300, seed: 2 }
  )
  // Otherwise, it has shown nothing.
  expect(compared).toBeGreaterThan(100)
}, 120_000)
