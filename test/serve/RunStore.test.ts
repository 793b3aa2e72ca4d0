import { describe, expect } from "bun:test"
import { Effect, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openState } from "../../src/serve/openState.ts"
import { type NewRun, RunStore } from "../../src/serve/RunStore.ts"
import { it } from "../support/effect.ts"

/** Runs with a store in a file of its own. */
const withStore = <A, E>(use: (store: RunStore["Service"]) => Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "jiji-store-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    )
    const layer = Layer.provideMerge(RunStore.layer, openState(join(folder, "serve.sqlite")))
    return yield* Effect.provide(Effect.flatMap(RunStore, use), layer)
  })

const wanted = (more: Partial<NewRun> = {}): NewRun => ({
  project: "shop",
  words: ["deploy"],
  who: "ci",
  cause: "api",
  key: "shop",
  ...more
})

/** Adds runs, and returns their numbers. */
const addAll = (store: RunStore["Service"], ...runs: ReadonlyArray<Partial<NewRun>>) =>
  Effect.forEach(runs, (each) => Effect.map(store.add(wanted(each)), ({ run }) => run.number))

const claimed = (store: RunStore["Service"]) =>
  Effect.map(store.claim, (run) => Option.getOrUndefined(Option.map(run, ({ number }) => number)))

const found = (store: RunStore["Service"], number: number) => Effect.map(store.get(number), Option.getOrThrow)

const approval = [{ path: "release/approved", signal: "approved" }]

describe("the queue", () => {
  it.effect("starts one run of a key at a time, those with a higher priority first, and otherwise in order", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const [first, second, high, other, low] = yield* addAll(
          store,
          {},
          {},
          { priority: 5 },
          { key: "other" },
          { key: "low", priority: -5 }
        )
        expect(yield* claimed(store)).toBe(high)
        expect(yield* claimed(store)).toBe(other)
        expect(yield* claimed(store)).toBe(low)
        expect(yield* claimed(store)).toBeUndefined()
        yield* store.end(high ?? 0, { status: "succeeded" })
        expect(yield* claimed(store)).toBe(first)
        expect(yield* claimed(store)).toBeUndefined()
        yield* store.end(first ?? 0, { status: "succeeded" })
        expect(yield* claimed(store)).toBe(second)
      })
    )
  )

  it.effect("keeps the key of a waiting run for it, except for runs with a higher priority", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const [waiting = 0, next = 0] = yield* addAll(store, {}, {})
        yield* store.claim
        yield* store.suspend(waiting, approval)
        expect(yield* claimed(store)).toBeUndefined()
        const [rollback = 0] = yield* addAll(store, { priority: 5 })
        expect(yield* claimed(store)).toBe(rollback)
        yield* store.wake(waiting)
        // It has to wait for the rollback now.
        expect(yield* claimed(store)).toBeUndefined()
        yield* store.end(rollback, { status: "succeeded" })
        expect(yield* claimed(store)).toBe(waiting)
        yield* store.end(waiting, { status: "succeeded" })
        expect(yield* claimed(store)).toBe(next)
      })
    )
  )

  it.effect("wakes a run when its time comes, and says when the next one does", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const [soon = 0, later = 0] = yield* addAll(store, { key: "a" }, { key: "b" })
        yield* store.claim
        yield* store.claim
        yield* store.suspend(soon, [{ path: "x/bake", until: 1000 }, ...approval])
        yield* store.suspend(later, [{ path: "x/bake", until: 5000 }])
        expect(yield* store.wakeDue).toBe(1000)
        yield* TestClock.adjust("1 second")
        expect(yield* store.wakeDue).toBe(5000)
        expect(yield* found(store, soon)).toMatchObject({ status: "queued", waits: null, has_waited: 1 })
        expect(yield* found(store, later)).toMatchObject({ status: "waiting" })
      })
    )
  )

  it.effect("counts the time in which a run runs, for each attempt", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const [number = 0] = yield* addAll(store, { timeLimit: 10_000 })
        const runFor3s = Effect.andThen(store.claim, TestClock.adjust("3 seconds"))
        yield* runFor3s
        yield* store.suspend(number, approval)
        yield* TestClock.adjust("1 hour")
        yield* store.wake(number)
        yield* runFor3s
        yield* store.suspend(number, approval)
        expect(yield* found(store, number)).toMatchObject({ spent: 6000 })
        yield* store.wake(number)
        yield* runFor3s
        yield* store.retry(number, { until: 0, reason: "broken" })
        expect(yield* found(store, number)).toMatchObject({
          status: "waiting",
          spent: 0,
          retried: 1,
          waits: [{ retry: 1, until: 0 }],
          reason: "broken"
        })
      })
    )
  )

  it.effect("does not try a cancelled run again", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const [number = 0] = yield* addAll(store, { retries: { times: 3, delay: 0 } })
        yield* store.claim
        yield* store.cancel(number)
        yield* store.retry(number, { until: 0, reason: "broken" })
        expect(yield* found(store, number)).toMatchObject({ status: "cancelled", waits: null, retried: 0 })
      })
    )
  )

  it.effect("lets a newer run take the place of those that are queued or waiting, but of none that runs", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const [running = 0, queued = 0, urgent = 0, other = 0] = yield* addAll(
          store,
          {},
          {},
          { priority: 9 },
          { key: "other" }
        )
        yield* store.end(urgent, { status: "cancelled" })
        expect(yield* claimed(store)).toBe(running)
        const [high = 0] = yield* addAll(store, { priority: 5 })
        const { overtaken, run } = yield* store.add(wanted({ whenBusy: "replace" }))
        expect(overtaken).toEqual([queued])
        expect(yield* found(store, queued)).toMatchObject({
          status: "cancelled",
          reason: `overtaken by run ${run.number}`,
          overtaken_by: run.number
        })
        for (const number of [running, high, other]) {
          expect(yield* found(store, number)).toMatchObject({ overtaken_by: null, is_cancelled: 0 })
        }
        // One that has waited undoes its steps first.
        yield* store.suspend(running, approval)
        const newer = yield* store.add(wanted({ whenBusy: "replace", priority: 5 }))
        expect(newer.overtaken.toSorted()).toEqual([running, high, run.number].toSorted())
        const undoing = Option.getOrThrow(yield* store.claim)
        expect(undoing).toMatchObject({
          number: running,
          is_cancelled: 1,
          reason: `overtaken by run ${newer.run.number}`
        })
        expect(yield* claimed(store)).toBe(other)
        yield* store.end(running, { status: "cancelled" })
        expect(yield* claimed(store)).toBe(newer.run.number)
      })
    )
  )

  it.effect("refuses a run that should not wait while another one is queued, running or waiting", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const [first = 0] = yield* addAll(store, {})
        const ask = Effect.map(store.add(wanted({ whenBusy: "refuse", once: "x" })), ({ isNew, isRefused, run }) => ({
          isNew,
          isRefused,
          number: run.number
        }))
        const refused = { isNew: false, isRefused: true, number: first }
        expect(yield* ask).toEqual(refused)
        yield* store.claim
        expect(yield* ask).toEqual(refused)
        yield* store.suspend(first, approval)
        expect(yield* ask).toEqual(refused)
        yield* store.cancel(first)
        yield* store.cancel(first)
        const { number } = yield* ask
        expect(number).not.toBe(first)
        // The same request again is not refused because of itself.
        expect(yield* ask).toEqual({ isNew: false, isRefused: false, number })
      })
    )
  )

  it.effect("cancels a run that has waited by letting it undo its steps, and at once the second time", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const [waiting = 0, before = 0] = yield* addAll(store, { priority: -5 }, {})
        yield* store.end(before, { status: "cancelled" })
        yield* store.claim
        yield* store.suspend(waiting, approval)
        yield* addAll(store, { priority: 5 })
        yield* store.cancel(waiting)
        expect(yield* found(store, waiting)).toMatchObject({ status: "queued", is_cancelled: 1, ended: null })
        // Before all others: what it undoes must not work against them.
        expect(yield* claimed(store)).toBe(waiting)
        // Until it has a process, its steps still have to be undone.
        expect(yield* found(store, waiting)).toMatchObject({ status: "running", waits: null, is_suspended: 1 })
        yield* store.setOwner(waiting, "a process")
        expect(yield* found(store, waiting)).toMatchObject({ is_suspended: 0 })
        yield* store.suspend(waiting, approval)
        expect(yield* found(store, waiting)).toMatchObject({ status: "queued", is_cancelled: 1 })
        yield* store.cancel(waiting)
        expect(yield* found(store, waiting)).toMatchObject({ status: "cancelled", waits: null })
      })
    )
  )
})
