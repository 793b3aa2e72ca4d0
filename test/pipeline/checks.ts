import { expect } from "bun:test"
import { Effect, Exit, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Event } from "../../src/core/Event.ts"
import { Events } from "../../src/core/Events.ts"
import * as NameTracker from "../../src/core/NameTracker.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import { run } from "../../src/pipeline/interpreter/run.ts"
import type * as Pipeline from "../../src/pipeline/Pipeline.ts"
import type * as Strategy from "../../src/pipeline/Strategy.ts"
import * as VirtualTime from "../../src/testing/VirtualTime.ts"
import { type makeJournal, withJournal } from "./journaled.ts"
import type { Any } from "./shapes.ts"

/** When to interrupt a run: after some seconds, or some turns of the event loop after the nth event (starting at 1). */
export type At = { readonly seconds: number } | { readonly event: number; readonly turns: number }

const isLast = ({ _tag }: { readonly _tag: string }): boolean => /^Run(Succeeded|Failed|Interrupted)$/.test(_tag)

/**
 * Runs a pipeline and interrupts it at the given moment, unless it has ended. Returns its events. With a journal, the run is
 * killed at the given event: nothing that it does afterwards is stored.
 */
export const events = (pipeline: Any, at: At, journaled?: ReturnType<typeof makeJournal>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const real = yield* Events
      const stream = yield* real.subscribe
      const seen: Array<Event> = []
      const reader = yield* Effect.forkChild(
        stream.pipe(
          Stream.takeUntil(isLast),
          Stream.runForEach((event) => Effect.sync(() => seen.push(event)))
        )
      )
      let interrupt = () => {}
      const after = (turns: number): void => void setImmediate(() => (turns === 0 ? interrupt() : after(turns - 1)))
      let published = 0
      const publish: (typeof real)["publish"] = (body) =>
        Effect.tap(real.publish(body), () => {
          // Interrupt between two tasks of the event loop, as a signal does. After the last event the run has ended.
          if ("event" in at && ++published === at.event && !isLast(body)) after(at.turns)
          return Effect.void
        })
      const held = NameTracker.make()
      const running = Effect.withFiber((fiber) => {
        interrupt = () => {
          journaled?.freeze()
          fiber.interruptUnsafe()
        }
        return journaled === undefined ? run(pipeline, {}) : withJournal(journaled)(run(pipeline, {}))
      }).pipe(
        Effect.provideService(Events, { ...real, publish }),
        Effect.provideService(NameTracker.HeldResources, held)
      )
      const exit = yield* VirtualTime.run(running, "seconds" in at ? at.seconds * 1000 : undefined)
      yield* Fiber.join(reader)
      return { exit, seen, held: held.names() }
    })
  ).pipe(
    Effect.provide(
      Layer.merge(
        Events.layer.pipe(Layer.provideMerge(Scrubber.layer)),
        TestClock.layer({ warningDelay: "30 seconds" })
      )
    )
  )

const parent = (path: string): string =>
  path.endsWith("]") ? path.slice(0, path.lastIndexOf("[")) : path.slice(0, path.lastIndexOf("/"))
export const isUndo = (path: string): boolean => path.endsWith("/undo")
const isEnd = ({ _tag }: Event): boolean => /^Step(Succeeded|Skipped|Failed|Interrupted)$/.test(_tag)

/** Checks that events are numbered without gaps, belong to one run, are sorted by time, and begin and end with those of the run. */
export const checkOrder = (seen: ReadonlyArray<Event>, exit: Exit.Exit<unknown, unknown>) => {
  expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => index + 1))
  expect(new Set(seen.map((event) => event.run)).size).toBe(1)
  expect(seen.map(({ time }) => time)).toEqual(seen.map(({ time }) => time).sort((a, b) => a - b))
  expect(seen[0]?._tag).toBe("RunStarted")
  expect(seen.at(-1)?._tag).toBe(
    Exit.isSuccess(exit)
      ? "RunSucceeded"
      : Exit.hasInterrupts(exit) && !Exit.hasFails(exit) && !Exit.hasDies(exit)
        ? "RunInterrupted"
        : "RunFailed"
  )
}

/** Checks that every node starts once and ends once while its parent runs, and that its resources are released in time. */
export const checkNesting = (seen: ReadonlyArray<Event>) => {
  const open = new Map<string, number>()
  const ended = new Set<string>()
  const held: Array<string> = []
  const kinds = new Map(seen.flatMap((event) => (event._tag === "StepStarted" ? [[event.path, event.kind]] : [])))
  const isWithin = (path: string) => (each: string) => each.startsWith(`${path}/`) || each.startsWith(`${path}[`)
  for (const event of seen) {
    const { path } = event
    if (event._tag === "StepStarted") {
      expect(open.has(path)).toBe(false)
      expect(ended).not.toContain(path)
      // An undo starts after its step has ended, and maybe after the pipeline of the step.
      if (path.split("/").length > 2 && !isUndo(path)) expect(ended).not.toContain(parent(path))
      open.set(path, 0)
    }
    if (event._tag === "StepRetried") {
      expect(event.attempt).toBe((open.get(path) ?? Number.NaN) + 1)
      open.set(path, event.attempt)
      // What a failed attempt acquired is released. A layer around all attempts of a pipeline is not.
      expect(held.filter(isWithin(path))).toEqual([])
      if (kinds.get(path) === "step") expect(held).not.toContain(path)
    }
    if (isEnd(event)) {
      expect(open.delete(path)).toBe(true)
      expect([...open.keys()].filter(isWithin(path))).toEqual([])
      ended.add(path)
      // Resources of the nodes below have been released by now. Those of the step itself stay until its pipeline ends.
      expect(held.filter(isWithin(path))).toEqual([])
    }
    if (event._tag === "ResourceAcquired") held.push(path)
    if (event._tag === "ResourceReleased") {
      expect(held).toContain(path)
      // Within a pipeline, resources are released in reverse order, except those of a failed attempt.
      const neighbours = held.filter((each) => parent(each) === parent(path))
      if (!open.has(path)) expect(neighbours.at(-1)).toBe(path)
      held.splice(held.indexOf(path), 1)
    }
  }
  expect([...open.keys()]).toEqual([])
  expect(held).toEqual([])
}

/**
 * Checks that every completed step and pipeline with an undo is undone if an attempt, a pipeline, an item or the run around it
 * did not succeed, except in items that stay as they are after another item failed. Within a pipeline, undos run in reverse
 * order, one at a time.
 */
export const checkUndos = (
  seen: ReadonlyArray<Event>,
  undoable: (path: string) => boolean,
  modes: ReadonlyMap<string, Strategy.OnFailure>,
  tolerant: ReadonlySet<string>
) => {
  const ends = new Map(seen.filter(isEnd).map((event) => [event.path, event._tag]))
  const kinds = new Map(seen.flatMap((event) => (event._tag === "StepStarted" ? [[event.path, event.kind]] : [])))
  const retried = new Set(seen.flatMap(({ _tag, path }) => (_tag === "StepRetried" ? [path] : [])))
  const [{ path: root = "" } = {}] = seen
  const isItemOf = (path: string, forEach: string) => kinds.get(path) === "item" && parent(path) === forEach
  const isUndone = (path: string): boolean => {
    if (path === root) return seen.at(-1)?._tag !== "RunSucceeded"
    const around = parent(path)
    const name = around.slice(around.lastIndexOf("/") + 1)
    if (kinds.get(around) === "forEach" && ends.get(around) === "StepFailed" && ends.get(path) === "StepSucceeded") {
      return modes.get(name) === "undo"
    }
    // A forEach that collects outcomes succeeds, but may have undone its items.
    const failed = [...ends].some(([item, tag]) => tag === "StepFailed" && isItemOf(item, around))
    if (tolerant.has(name) && failed && modes.get(name) === "undo") return true
    // The first attempt of a retried pipeline has no node of its own, and has failed.
    if (retried.has(around) && !path.startsWith(`${around}[`)) return true
    return (around !== root && ends.get(around) !== "StepSucceeded") || isUndone(around)
  }
  const isAttempt = (path: string) => kinds.get(path) === "pipeline" && path.endsWith("]")
  const done = seen.flatMap((event) =>
    event._tag === "StepSucceeded" && undoable(event.path) && !isAttempt(event.path) && event.kind !== "forEach"
      ? [event.path]
      : []
  )
  const expected = done.filter(isUndone)
  const begun = seen.flatMap(({ _tag, path }) => (_tag === "StepStarted" && isUndo(path) ? [parent(path)] : []))
  expect(begun.toSorted()).toEqual(expected.toSorted())
  for (const pipeline of new Set(begun.map(parent))) {
    const own = (path: string) => parent(path) === pipeline
    expect(begun.filter(own)).toEqual(expected.filter(own).toReversed())
    const isTurn = (event: Event) => event._tag === "StepStarted" || isEnd(event)
    const turns = seen.filter((event) => isTurn(event) && isUndo(event.path) && own(parent(event.path)))
    expect(turns.map(({ _tag }) => _tag === "StepStarted")).toEqual(turns.map((_, index) => index % 2 === 0))
  }
}

/** Returns the names of the nodes that have an undo. That of a forEach stands for its items. */
export const undoableNames = (node: Pipeline.Description): ReadonlyArray<string> => {
  switch (node._tag) {
    case "Parallel":
      return node.branches.flatMap(undoableNames)
    case "When":
      return undoableNames(node.body)
    case "Choose":
      return [node.body, node.else].flatMap((side) => (side === undefined ? [] : undoableNames(side)))
    default: {
      const own = node.wrappers?.some(({ _tag }) => _tag === "Undo") ? [node.name] : []
      return node._tag === "Step" ? own : [...own, ...node.nodes.flatMap(undoableNames)]
    }
  }
}
