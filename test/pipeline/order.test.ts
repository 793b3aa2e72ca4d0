import { describe, expect } from "bun:test"
import { Deferred, Effect, Fiber } from "effect"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Resource from "../../src/core/Resource.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"
import { it } from "../support/effect.ts"
import { Broken, fail, inTime, pass, watched } from "./watch.ts"

const { forEach, make, run, step } = Pipeline

interface Item {
  readonly name: string
  readonly after?: ReadonlyArray<string>
  readonly seconds?: number
  readonly breaks?: boolean
}

/** `web < db cache` waits for db and cache. */
const items = (...texts: ReadonlyArray<string>): ReadonlyArray<Item> =>
  texts.map((text) => {
    const [name = "", after] = text.split(" < ")
    return { name, breaks: name.startsWith("bad"), ...(after !== undefined && { after: after.split(" ") }) }
  })

const prepare = Step.make("prepare", () => Effect.void).pipe(Step.undo(() => Effect.void))
const work = Step.make(
  "work",
  Effect.fnUntraced(function* ({ item }: { readonly item: Item }) {
    yield* Effect.sleep(`${item.seconds ?? 1} seconds`)
    if (item.breaks === true) return yield* new Broken({ what: item.name })
    return { done: item.name }
  })
)
const body = make<{ readonly item: Item }>("each").pipe(step(prepare), step(work))

const ordered = (
  list: ReadonlyArray<Item>,
  options: { readonly strategy?: Strategy.Strategy; readonly waitBefore?: "work" } = {}
) =>
  make("p").pipe(
    forEach({
      name: "all",
      as: "item",
      items: () => list,
      key: ({ name }) => name,
      after: ({ after = [] }) => after,
      body,
      collect: { as: "done", value: ({ done }) => done },
      ...options
    })
  )

/** Returns when each node with this name started, in seconds, and what was skipped and undone. */
const story = Effect.fnUntraced(function* (pipeline: ReturnType<typeof ordered>, node = "work") {
  const { events, exit, lines } = yield* inTime(run(pipeline, {}))
  const from = events[0]?.time ?? 0
  const key = (path: string) => /\[(.*)\]/.exec(path)?.[1] ?? ""
  const of = (tag: string, end: string) => events.filter(({ _tag, path }) => _tag === tag && path.endsWith(end))
  return {
    started: Object.fromEntries(
      of("StepStarted", `/${node}`).map(({ path, time }) => [key(path), (time - from) / 1000])
    ),
    skipped: lines
      .filter((line) => line.startsWith("StepSkipped"))
      .map((line) => line.replace("StepSkipped p/all", "")),
    undone: of("StepSucceeded", "/undo").map(({ path }) => key(path)),
    end: lines.at(-1),
    exit
  }
})

describe("an item of a forEach with `after`", () => {
  it.effect("starts when the items that it waits for have succeeded, whatever their place in the list is", () =>
    Effect.gen(function* () {
      const { exit, started } = yield* story(ordered(items("web < api cache", "api < db", "db", "cache", "other")))
      expect(started).toEqual({ db: 0, cache: 0, other: 0, api: 1, web: 2 })
      // What is collected keeps the order of the items.
      expect(exit).toMatchObject({ value: { done: ["web", "api", "db", "cache", "other"] } })
    })
  )

  it.effect("ignores keys that no item has", () =>
    Effect.gen(function* () {
      expect((yield* story(ordered(items("web < nothing")))).started).toEqual({ web: 0 })
    })
  )

  it.effect("waits for all items of a name", () =>
    Effect.gen(function* () {
      const list = [{ name: "db" }, { name: "db", seconds: 5 }, { name: "web", after: ["db"] }]
      expect((yield* story(ordered(list))).started).toEqual({ db: 0, "db#2": 0, web: 5 })
    })
  )

  it.effect("runs the nodes before `waitBefore` at once", () =>
    Effect.gen(function* () {
      const gated = () => ordered(items("web < db", "db"), { waitBefore: "work" })
      expect((yield* story(gated(), "prepare")).started).toEqual({ web: 0, db: 0 })
      expect((yield* story(gated())).started).toEqual({ web: 1, db: 0 })
    })
  )

  it.effect("waits before it starts if an edit has removed that node", () =>
    Effect.gen(function* () {
      const edited = yield* Effect.fromResult(
        ordered(items("web < db", "db"), { waitBefore: "work" }).pipe(
          Pipeline.replace(
            "p/all/work",
            Step.make("other", ({ item }: { readonly item: Item }) =>
              Effect.as(Effect.sleep("1 second"), { done: item.name })
            )
          )
        )
      )
      const { lines } = yield* inTime(run(edited, {}))
      expect(lines.filter((line) => /(prepare|other)$/.test(line))).toEqual([
        "StepStarted p/all[db]/prepare",
        "StepSucceeded p/all[db]/prepare",
        "StepStarted p/all[db]/other",
        "StepSucceeded p/all[db]/other",
        "StepStarted p/all[web]/prepare",
        "StepSucceeded p/all[web]/prepare",
        "StepStarted p/all[web]/other",
        "StepSucceeded p/all[web]/other"
      ])
    })
  )

  it.effect("is skipped if one of them fails, and the others run", () =>
    Effect.gen(function* () {
      const told = yield* story(ordered(items("front < web", "web < bad", "bad", "other")))
      expect(told).toMatchObject({
        started: { bad: 0, other: 0 },
        skipped: ["[web]: not started because bad failed", "[front]: not started because bad failed"],
        end: "RunFailed p: bad broke."
      })
    })
  )

  it.effect("is skipped in the middle of its body, and what it has done is undone", () =>
    Effect.gen(function* () {
      const told = yield* story(ordered(items("front < web", "web < bad", "bad"), { waitBefore: "work" }))
      expect(told.started).toEqual({ bad: 0 })
      expect(told.skipped).toEqual(["[web]: not started because bad failed", "[front]: not started because bad failed"])
      expect(told.undone.toSorted()).toEqual(["bad", "front", "web"])
      expect(told.end).toBe("RunFailed p: bad broke.")
    })
  )

  it.effect("releases its resources if it is skipped in the middle of its body", () =>
    Effect.gen(function* () {
      const hold = Step.make("hold", ({ item }: { readonly item: Item }) =>
        Resource.acquire(item.name, Effect.succeed({}), () => Effect.void)
      )
      const pipeline = make("p").pipe(
        forEach({
          name: "all",
          as: "item",
          items: () => items("web < bad", "bad"),
          key: ({ name }) => name,
          after: ({ after = [] }) => after,
          waitBefore: "work",
          body: make<{ readonly item: Item }>("each").pipe(step(hold), step(work))
        })
      )
      const { lines } = yield* inTime(run(pipeline, {}))
      expect(lines).toContain("ResourceReleased p/all[web]/hold: web")
    })
  )

  it.effect("does not wait for an item of a later batch, which would never start", () =>
    Effect.gen(function* () {
      const strategy = Strategy.rolling({ batch: 1 })
      expect((yield* story(ordered(items("web < db", "db", "a"), { strategy }))).started).toEqual({
        db: 0,
        web: 1,
        a: 2
      })
      const one = Strategy.parallel({ concurrency: 1 })
      expect((yield* story(ordered(items("web < db", "db"), { strategy: one }))).started).toEqual({ db: 0, web: 1 })
      const canary = Strategy.canary()
      expect((yield* story(ordered(items("web < db", "db"), { strategy: canary }))).started).toEqual({ db: 0, web: 1 })
    })
  )

  it.effect("is not started after any failure with onFailure stop", () =>
    Effect.gen(function* () {
      const strategy = Strategy.parallel({ onFailure: "stop" })
      const list = [...items("bad", "web < db"), { name: "db", seconds: 2 }]
      expect(yield* story(ordered(list, { strategy }))).toMatchObject({
        started: { bad: 0, db: 0 },
        skipped: ["[web]: not started because bad failed"]
      })
    })
  )

  it.effect("makes the run fail if items wait for each other", () =>
    Effect.gen(function* () {
      const { exit, started } = yield* story(ordered(items("a", "web < api", "api < db", "db < web")))
      expect(started).toEqual({})
      expect(exit).toMatchObject({
        cause: { reasons: [{ _tag: "Die", defect: { _tag: "CircularOrder", keys: ["web", "api", "db"] } }] }
      })
    })
  )

  it.effect("ends when the run is interrupted while it waits", () =>
    Effect.gen(function* () {
      for (const options of [{}, { waitBefore: "work" } as const]) {
        const { lines } = yield* inTime(
          Effect.gen(function* () {
            const list = [{ name: "db", seconds: 9 }, ...items("web < db")]
            const fiber = yield* Effect.forkChild(run(ordered(list, options), {}))
            yield* Effect.sleep("2 seconds")
            yield* Fiber.interrupt(fiber)
          })
        )
        expect(lines.at(-1)).toBe("RunInterrupted p")
        expect(lines).not.toContain("StepStarted p/all[web]/work")
      }
    })
  )

  it.effect("waits for an Effect, which may return a reason to skip it", () =>
    Effect.gen(function* () {
      const opened = yield* Deferred.make<string | undefined>()
      const pipeline = (reason: string | undefined) =>
        make<{ readonly first: string }>("p").pipe(
          forEach({
            name: "all",
            as: "item",
            items: () => items("web", "front < web", "opens"),
            key: ({ name }) => name,
            after: ({ after = [], name }, { first }: { readonly first: string }) =>
              name === first ? [Deferred.await(opened)] : after,
            ended: ({ name }) => (name === "opens" ? Effect.asVoid(Deferred.succeed(opened, reason)) : Effect.void),
            body
          })
        )
      const { lines } = yield* inTime(run(pipeline("the gate is closed"), { first: "web" }))
      expect(lines.filter((line) => /all\[\w+\](:|$)/.test(line))).toEqual([
        "StepStarted p/all[opens]",
        "StepSucceeded p/all[opens]",
        "StepStarted p/all[web]",
        "StepSkipped p/all[web]: the gate is closed",
        "StepStarted p/all[front]",
        "StepSkipped p/all[front]: the gate is closed"
      ])
      expect(lines.at(-1)).toBe("RunSucceeded p")
    })
  )
})

describe("the `ended` of a forEach", () => {
  const ending = (strategy: Strategy.Strategy, list: ReadonlyArray<Item>, seen: Array<string>) =>
    make("p").pipe(
      forEach({
        name: "all",
        as: "item",
        items: () => list,
        key: ({ name }) => name,
        strategy,
        ended: ({ name }) => Effect.sync(() => void seen.push(name)),
        body
      })
    )

  it.effect("runs for items that succeed, fail, are skipped or are interrupted", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      yield* inTime(run(ending(Strategy.rolling(), items("a", "bad", "c"), seen), {}))
      expect(seen).toEqual(["a", "bad", "c"])
      const cut: Array<string> = []
      yield* inTime(
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(run(ending(Strategy.rolling(), items("a", "b", "c"), cut), {}))
          yield* Effect.sleep("1500 millis")
          yield* Fiber.interrupt(fiber)
        })
      )
      expect(cut).toEqual(["a", "b"])
    })
  )

  it.effect("makes its item fail if it dies, and lets the others end", () =>
    Effect.gen(function* () {
      const pipeline = make("p").pipe(
        forEach({
          name: "all",
          as: "item",
          items: () => items("a", "b"),
          key: ({ name }) => name,
          ended: ({ name }) => (name === "a" ? Effect.die("odd") : Effect.void),
          body
        })
      )
      const { exit, lines } = yield* inTime(run(pipeline, {}))
      expect(lines).toContain("StepSucceeded p/all[b]")
      expect(exit).toMatchObject({ _tag: "Failure" })
    })
  )
})

describe("the strategy of a forEach", () => {
  const chosen = (strategy: (state: { readonly batch: number }) => Strategy.Strategy) =>
    make<{ readonly batch: number }>("p").pipe(
      forEach({ name: "all", as: "item", items: () => items("a", "b", "c"), key: ({ name }) => name, strategy, body })
    )

  it.effect("can depend on the state", () =>
    Effect.gen(function* () {
      const { events } = yield* inTime(
        run(
          chosen(({ batch }) => Strategy.rolling({ batch })),
          { batch: 2 }
        )
      )
      const from = events[0]?.time ?? 0
      const starts = events.filter(({ _tag, path }) => _tag === "StepStarted" && path.endsWith("/work"))
      expect(starts.map(({ time }) => (time - from) / 1000)).toEqual([0, 0, 1])
      expect(Pipeline.describe(chosen(() => Strategy.parallel()))).toMatchObject({
        nodes: [{ _tag: "ForEach", strategy: { _tag: "FromState" } }]
      })
    })
  )

  it.effect("makes the run fail if it is none, or has an invalid number", () =>
    Effect.gen(function* () {
      const { exit } = yield* watched(
        run(
          chosen(({ batch }) => Strategy.rolling({ batch })),
          { batch: 0 }
        )
      )
      expect(exit).toMatchObject({ cause: { reasons: [{ defect: { _tag: "InvalidStrategy", option: "batch" } }] } })
      // jiji runs pipeline files without type checking.
      const none = (() => "rolling") as unknown as () => Strategy.Strategy
      const odd = yield* watched(run(chosen(none), { batch: 1 }))
      expect(odd.exit).toMatchObject({ cause: { reasons: [{ defect: { _tag: "UnexpectedReturn", got: "rolling" } }] } })
    })
  )
})

describe("a quiet condition", () => {
  it.effect("publishes nothing if it does not hold", () =>
    Effect.gen(function* () {
      const pipeline = (holds: boolean) =>
        make("p").pipe(Pipeline.when({ if: () => holds, quiet: true, reason: "no", body: pass("a") }), step(pass("b")))
      const lines = (holds: boolean) => Effect.map(watched(run(pipeline(holds), {})), (seen) => seen.lines)
      expect((yield* lines(false)).filter((line) => line.includes("p/a"))).toEqual([])
      expect((yield* lines(true)).filter((line) => line.includes("p/a"))).toEqual([
        "StepStarted p/a",
        "StepSucceeded p/a"
      ])
    })
  )

  it.effect("fails as any other if it holds", () =>
    Effect.gen(function* () {
      const pipeline = make("p").pipe(Pipeline.when({ if: () => true, quiet: true, reason: "no", body: fail("a") }))
      expect((yield* watched(run(pipeline, {}))).lines.at(-1)).toBe("RunFailed p: a broke.")
    })
  )
})
