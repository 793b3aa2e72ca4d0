import { describe, expect, test } from "bun:test"
import { Context, Effect, Layer, Result, Schedule } from "effect"
import { run } from "../../src/pipeline/interpreter/run.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"
import { it } from "../support/effect.ts"
import { Broken, fail, hold, inTime, never, pass, watched } from "./watch.ts"

const { call, make, pipeline, step } = Pipeline

interface Given {
  readonly image: string
}
const pull = Step.make("pull", ({ image }: Given) => Effect.succeed({ digest: `digest of ${image}` }))
const child = make<Given, "child">("child").pipe(step(pull))
const none = () => ({})
const undoable = <const Name extends string>(name: Name) => pass(name).pipe(Step.undo(() => Effect.void))
const starts = (lines: ReadonlyArray<string>) => lines.flatMap((line) => line.match(/(?<=^StepStarted ).*/) ?? [])
const undos = (lines: ReadonlyArray<string>) => starts(lines).filter((path) => path.endsWith("/undo"))

interface Tree {
  readonly depth: number
}
/** A pipeline that calls itself until `depth` is 0. */
const tree: Pipeline.Pipeline<Tree, Tree, Pipeline.CallsTooDeep | Broken> = make<Tree>("tree").pipe(
  step(undoable("work")),
  Pipeline.choose({
    if: ({ depth }: Tree) => depth > 0,
    body: make<Tree>("below").pipe(
      call(
        "child",
        () => tree,
        ({ depth }: Tree) => ({ depth: depth - 1 })
      )
    ),
    else: pass("leaf")
  })
)

describe("Pipeline.call", () => {
  it.effect("runs a pipeline as one node, with paths below its name", () =>
    Effect.gen(function* () {
      const p = make<{ readonly tag: string }>("p").pipe(
        call("get", child, ({ tag }: { readonly tag: string }) => ({ image: `shop:${tag}` }), {
          as: "got",
          value: ({ digest }) => digest
        }),
        step(pass("end"))
      )
      const { events, exit, lines } = yield* watched(run(p, { tag: "v2" }))
      expect(yield* exit).toEqual({ tag: "v2", got: "digest of shop:v2" })
      expect(lines).toEqual([
        "RunStarted p",
        "StepStarted p/get",
        "StepStarted p/get/pull",
        "StepSucceeded p/get/pull",
        "StepSucceeded p/get",
        "StepStarted p/end",
        "StepSucceeded p/end",
        "RunSucceeded p"
      ])
      expect(events.find(({ path }) => path === "p/get")).toMatchObject({ kind: "pipeline" })
      expect(new Set(events.map((event) => event.run)).size).toBe(1)
    })
  )

  it.effect("gives the called pipeline only its input, and keeps its state apart", () =>
    Effect.gen(function* () {
      const states: Array<object> = []
      const look = Step.make("look", (state: object) =>
        Effect.sync(() => {
          states.push({ ...state })
          return { image: "changed", secret: 1 }
        })
      )
      const p = make<Given>("p").pipe(
        call("a", make<{ readonly x: number }>("child").pipe(step(look)), () => ({ x: 1 })),
        step(look)
      )
      const { exit } = yield* watched(run(p, { image: "mine" }))
      expect(states).toEqual([{ x: 1 }, { image: "mine" }])
      expect(yield* exit).toEqual({ image: "changed", secret: 1 })
    })
  )

  it.effect("passes the state on if the input is the state", () =>
    Effect.gen(function* () {
      const p = make<Given>("p").pipe(call("a", child, (state: Given) => state, { as: "all", value: (all) => all }))
      const { exit } = yield* watched(run(p, { image: "mine" }))
      expect(yield* exit).toEqual({ image: "mine", all: { image: "mine", digest: "digest of mine" } })
    })
  )

  it.effect("releases what the called pipeline has acquired when the call ends", () =>
    Effect.gen(function* () {
      const p = make("p").pipe(call("a", make("child").pipe(step(hold("b"))), none), step(pass("end")))
      const { lines } = yield* watched(run(p, {}))
      expect(lines.indexOf("ResourceReleased p/a/b: b")).toBeLessThan(lines.indexOf("StepStarted p/end"))
    })
  )

  it.effect("fails with the error of the called pipeline", () =>
    Effect.gen(function* () {
      const p = make("p").pipe(call("a", make("child").pipe(step(undoable("b")), step(fail("c"))), none))
      const { exit, lines } = yield* watched(run(p, {}))
      expect(yield* Effect.flip(exit)).toBeInstanceOf(Broken)
      expect(lines.slice(-3)).toEqual(["StepSucceeded p/a/b/undo", "StepFailed p/a: c broke.", "RunFailed p: c broke."])
    })
  )

  it.effect("undoes the steps of the called pipeline in reverse order if the run fails later", () =>
    Effect.gen(function* () {
      const inner = make("inner").pipe(
        step(undoable("b")),
        step(undoable("c")),
        Pipeline.undo(() => Effect.void)
      )
      const p = make("p").pipe(step(undoable("a")), call("inner", inner, none), step(undoable("d")), step(fail("end")))
      const { lines } = yield* watched(run(p, {}))
      expect(undos(lines)).toEqual(["p/d/undo", "p/inner/undo", "p/inner/c/undo", "p/inner/b/undo", "p/a/undo"])
      expect(lines.slice(1)).toEqual(
        (yield* watched(
          run(make("p").pipe(step(undoable("a")), pipeline(inner), step(undoable("d")), step(fail("end"))), {})
        )).lines.slice(1)
      )
    })
  )

  it.effect("undoes the called pipeline if its value cannot be collected", () =>
    Effect.gen(function* () {
      const collect = {
        as: "x",
        value: (): number => {
          throw new Error("no value")
        }
      }
      const inner = make("inner").pipe(
        step(undoable("b")),
        Pipeline.undo(() => Effect.void)
      )
      const { lines } = yield* watched(run(make("p").pipe(call("a", inner, none, collect)), {}))
      expect(lines.find((line) => line.startsWith("StepFailed p/a: "))).toContain("no value")
      expect(undos(lines)).toEqual(["p/a/undo", "p/a/b/undo"])
    })
  )

  it.effect("applies the wrappers of the called pipeline and of those around it", () =>
    Effect.gen(function* () {
      let attempts = 0
      const flaky = Step.make("flaky", () =>
        ++attempts % 2 === 1 ? Effect.fail(new Broken({ what: "it" })) : Effect.succeed({ attempts })
      )
      const again = Pipeline.retry(Schedule.recurs(1))
      const called = make<{ readonly limit: number }>("child").pipe(
        step(undoable("b")),
        step(flaky),
        again,
        Pipeline.timeout(({ limit }: { readonly limit: number }) => limit)
      )
      const p = make("p").pipe(call("a", called, () => ({ limit: 5000 })))
      expect(starts((yield* inTime(run(p, {}))).lines)).toEqual([
        "p/a",
        "p/a/b",
        "p/a/flaky",
        "p/a/b/undo",
        "p/a[2]",
        "p/a[2]/b",
        "p/a[2]/flaky"
      ])
      const outer = make("p").pipe(call("a", make("child").pipe(step(undoable("b")), step(flaky)), none), again)
      expect(starts((yield* inTime(run(outer, {}))).lines).slice(-4)).toEqual([
        "p[2]",
        "p[2]/a",
        "p[2]/a/b",
        "p[2]/a/flaky"
      ])
      const slow = make("p").pipe(
        call("a", make("child").pipe(step(undoable("b")), step(never("c"))), none),
        Pipeline.timeout("90 seconds")
      )
      expect(undos((yield* inTime(run(slow, {}))).lines)).toEqual(["p/a/b/undo"])
    })
  )

  it.effect("uses the services that pipelines around it provide, also for its undos", () =>
    Effect.gen(function* () {
      class Name extends Context.Service<Name, { readonly text: string }>()("test/Name") {}
      const undone: Array<string> = []
      const named = Step.make("named", () => Effect.map(Name, ({ text }) => ({ text }))).pipe(
        Step.undo(() => Effect.map(Name, ({ text }) => undone.push(text)))
      )
      const layer = Layer.succeed(Name, { text: "outer" })
      const around = make("around").pipe(
        call("a", make("child").pipe(step(named)), none, { as: "text", value: ({ text }) => text }),
        Pipeline.provide(layer)
      )
      const { exit } = yield* watched(run(make("p").pipe(pipeline(around)), {}))
      expect(yield* exit).toEqual({ text: "outer" })
      const own = make("child").pipe(step(named), Pipeline.provide(Layer.succeed(Name, { text: "own" })))
      yield* watched(run(make("p").pipe(pipeline(around), call("b", own, none), step(fail("end"))), {}))
      expect(undone).toEqual(["own", "outer"])
    })
  )

  it.effect("runs within items, conditions and branches", () =>
    Effect.gen(function* () {
      const get = make<Given, "get">("get").pipe(
        call("call", child, ({ image }: Given) => ({ image }), { as: "got", value: ({ digest }) => digest })
      )
      const p = make<Given>("p").pipe(
        Pipeline.when({ if: () => true, reason: "off", body: get }),
        Pipeline.parallel(make("one").pipe(call("a", child, () => ({ image: "a" }))), pass("two")),
        Pipeline.forEach({
          name: "each",
          as: "image",
          items: () => ["x", "y"],
          key: (image) => image,
          strategy: Strategy.rolling(),
          body: make<Given>("body").pipe(
            call("call", child, ({ image }: Given) => ({ image }), { as: "got", value: ({ digest }) => digest })
          ),
          waitBefore: "call",
          after: (image) => (image === "x" ? [] : ["x"]),
          collect: { as: "all", value: ({ got }) => got }
        })
      )
      const { exit, lines } = yield* watched(run(p, { image: "z" }))
      expect(yield* exit).toEqual({ image: "z", got: "digest of z", all: ["digest of x", "digest of y"] })
      expect(starts(lines).filter((path) => path.endsWith("/pull"))).toEqual([
        "p/get/call/pull",
        "p/one/a/pull",
        "p/each[x]/call/pull",
        "p/each[y]/call/pull"
      ])
    })
  )

  it.effect("fails the call if its functions return something else", () =>
    Effect.gen(function* () {
      // Without type checking.
      const wrong = (value: unknown) => (() => value) as () => never
      const failures = (p: Pipeline.Pipeline<{}, {}, unknown>) =>
        Effect.map(watched(run(p, {})), ({ lines }) => lines.filter((line) => line.startsWith("StepFailed p/a")))
      expect(yield* failures(make("p").pipe(call("a", child, wrong(5))))).toEqual([
        'StepFailed p/a: The input of the call "a" returned 5, not an object'
      ])
      expect(yield* failures(make("p").pipe(call("a", child, wrong(Promise.resolve({})))))).toEqual([
        'StepFailed p/a: The input of the call "a" returned a Promise, not an object'
      ])
      expect(yield* failures(make("p").pipe(call("a", wrong(pull), none)))).toEqual([
        'StepFailed p/a: The pipeline of the call "a" returned an object, not a pipeline'
      ])
      const lost = make("p").pipe(call("a", child, ({ list }: { list: string }) => ({ image: list.trim() })) as never)
      const [line = ""] = yield* failures(lost as Pipeline.Pipeline<{}, {}, unknown>)
      expect(line).toContain('The pipeline\'s state has no `list` for the input of the call "a"')
    })
  )

  test("refuses a name that the pipeline already has", () => {
    const p = make("p").pipe(step(pass("a" as string)))
    expect(() => p.pipe(call("a", child, () => ({ image: "" })))).toThrow("two nodes with the path p/a")
    expect(() => make("p").pipe(call("a/b" as string, child, () => ({ image: "" })))).toThrow("slash")
  })
})

describe("a call of a pipeline that a function chooses", () => {
  const other = make<Given, "other">("other").pipe(step(pass("nothing")))
  const choose = ({ big }: { readonly big: boolean }) => (big ? child : other)
  const p = make<{ readonly big: boolean }>("p").pipe(call("a", choose, () => ({ image: "x" })))

  it.effect("runs the chosen one", () =>
    Effect.gen(function* () {
      expect(starts((yield* watched(run(p, { big: true }))).lines)).toEqual(["p/a", "p/a/pull"])
      expect(starts((yield* watched(run(p, { big: false }))).lines)).toEqual(["p/a", "p/a/nothing"])
    })
  )

  it.effect("can be a recursion, whose steps are undone from the inside out", () =>
    Effect.gen(function* () {
      const { lines } = yield* watched(
        run(
          make("p").pipe(
            call("root", tree, () => ({ depth: 2 })),
            step(fail("end"))
          ),
          {}
        )
      )
      expect(undos(lines)).toEqual([
        "p/root/below/child/below/child/work/undo",
        "p/root/below/child/work/undo",
        "p/root/work/undo"
      ])
    })
  )

  it.effect("fails if more than 100 are nested", () =>
    Effect.gen(function* () {
      expect((yield* watched(run(tree, { depth: 100 }))).lines.at(-1)).toBe("RunSucceeded tree")
      const { exit, lines } = yield* watched(run(tree, { depth: 101 }))
      const error = yield* Effect.flip(exit)
      expect(error).toBeInstanceOf(Pipeline.CallsTooDeep)
      expect(error).toMatchObject({ limit: 100, path: `tree${"/below/child".repeat(101)}`, exitCode: 1 })
      expect(error.remedy).toContain("Pipeline.when")
      expect(undos(lines)).toHaveLength(101)
    })
  )

  it.effect("does not count calls that are beside each other, or known from the start", () =>
    Effect.gen(function* () {
      let p: Pipeline.Pipeline<{}, {}> = make("p")
      for (let n = 0; n < 120; n++) p = call(`c${n}`, child, () => ({ image: "x" }))(make("p").pipe(call("q", p, none)))
      expect((yield* watched(run(p, {}))).lines.at(-1)).toBe("RunSucceeded p")
      let wide: Pipeline.Pipeline<{}, {}, unknown> = make("p")
      for (let n = 0; n < 120; n++)
        wide = call(
          `c${n}`,
          () => child,
          () => ({ image: "x" })
        )(wide)
      expect((yield* watched(run(wide, {}))).lines.at(-1)).toBe("RunSucceeded p")
    })
  )
})

describe("handlers of a called pipeline", () => {
  const listening = (calls: Array<string>) =>
    make<Given, "child">("child").pipe(
      step(pull),
      Pipeline.on("StepStarted", ({ path }) => Effect.sync(() => void calls.push(path)))
    )
  const given = () => ({ image: "x" })

  it.effect("get the events of the call and below it, and no others", () =>
    Effect.gen(function* () {
      for (const dynamic of [false, true]) {
        const calls: Array<string> = []
        const called = listening(calls)
        const inner = dynamic ? call("a", () => called, given) : call("a", called, given)
        yield* watched(run(make("p").pipe(step(pass("before")), inner, step(pass("a2"))), {}))
        expect(calls).toEqual(["p/a", "p/a/pull"])
      }
    })
  )

  it.effect("get the events of undos after the call has ended", () =>
    Effect.gen(function* () {
      for (const dynamic of [false, true]) {
        const calls: Array<string> = []
        const called = listening(calls).pipe(step(undoable("c")))
        const inner = dynamic ? call("a", () => called, given) : call("a", called, given)
        yield* watched(run(make("p").pipe(inner, step(fail("end"))), {}))
        expect(calls).toEqual(["p/a", "p/a/pull", "p/a/c", "p/a/c/undo"])
      }
    })
  )

  it.effect("get one event at a time if several calls choose the same pipeline", () =>
    Effect.gen(function* () {
      const calls: Array<string> = []
      const called = listening(calls)
      const each = Pipeline.forEach({
        name: "each",
        as: "n",
        items: () => [1, 2, 3],
        key: String,
        strategy: Strategy.rolling(),
        body: make<{ readonly n: number }>("body").pipe(call("a", () => called, given))
      })
      yield* watched(run(make("p").pipe(each), {}))
      expect(calls).toEqual([1, 2, 3].flatMap((n) => [`p/each[${n}]/a`, `p/each[${n}]/a/pull`]))
    })
  )

  it.effect("get each event of a recursion once", () =>
    Effect.gen(function* () {
      const calls: Array<string> = []
      const note = ({ path }: { readonly path: string }) => Effect.sync(() => void calls.push(path))
      const nested = make("nested").pipe(step(pass("deep")), Pipeline.on("StepStarted", note))
      const loop: Pipeline.Pipeline<Tree, Tree, Pipeline.CallsTooDeep> = make<Tree>("loop").pipe(
        pipeline(nested),
        Pipeline.choose({
          if: ({ depth }: Tree) => depth > 0,
          body: make<Tree>("more").pipe(
            call(
              "again",
              () => loop,
              ({ depth }: Tree) => ({ depth: depth - 1 })
            )
          ),
          else: pass("leaf")
        }),
        Pipeline.on("StepSkipped", note)
      )
      const { lines } = yield* watched(run(loop, { depth: 3 }))
      expect(calls).toEqual(starts(lines).filter((path) => path.includes("nested")))
      expect(calls).toHaveLength(8)
      const root: Array<string> = []
      const whole: Pipeline.Pipeline<Tree, Tree, Pipeline.CallsTooDeep | Broken> = make<Tree>("whole").pipe(
        Pipeline.when({
          if: ({ depth }: Tree) => depth > 0,
          reason: "the end",
          body: make<Tree>("more").pipe(
            call(
              "again",
              () => whole,
              ({ depth }: Tree) => ({ depth: depth - 1 })
            )
          )
        }),
        Pipeline.on("StepSkipped", ({ path }) => Effect.sync(() => void root.push(path)))
      )
      yield* watched(
        run(
          make("p").pipe(
            call(
              "a",
              () => whole,
              () => ({ depth: 3 })
            )
          ),
          {}
        )
      )
      expect(root).toEqual(["p/a/more/again/more/again/more/again/more"])
    })
  )

  it.effect("have the services that the pipelines around the call provide", () =>
    Effect.gen(function* () {
      class Sink extends Context.Service<Sink, { readonly push: (path: string) => void }>()("test/Sink") {}
      for (const dynamic of [false, true]) {
        const calls: Array<string> = []
        const sink = (name: string) => Layer.succeed(Sink, { push: (path) => void calls.push(`${name} ${path}`) })
        const called = make<Given, "child">("child").pipe(
          step(pull),
          Pipeline.on("StepStarted", ({ path }) => Effect.map(Sink, ({ push }) => push(path)))
        )
        const inner = (target: typeof called) => (dynamic ? call("a", () => target, given) : call("a", target, given))
        const around = make("around").pipe(inner(called), Pipeline.provide(sink("around")))
        yield* watched(run(make("p").pipe(pipeline(around)), {}))
        yield* watched(run(make("p").pipe(inner(called)), {}, sink("run")))
        expect(calls).toEqual(["around p/around/a", "around p/around/a/pull", "run p/a", "run p/a/pull"])
      }
    })
  )
})

describe("a pipeline with calls", () => {
  const p = make("p").pipe(
    step(pass("start")),
    call("known", child.pipe(Pipeline.retry(Schedule.recurs(1))), () => ({ image: "" })),
    call(
      "chosen",
      () => child,
      () => ({ image: "" })
    ),
    step(pass("end"))
  )

  test("can be described and drawn", () => {
    const described = Pipeline.describe(p)
    expect(described).toMatchObject({
      nodes: [
        { path: "p/start" },
        {
          _tag: "Call",
          name: "known",
          path: "p/known",
          dynamic: false,
          nodes: [{ path: "p/known/pull" }],
          wrappers: [{ _tag: "Retry" }]
        },
        { _tag: "Call", name: "chosen", path: "p/chosen", dynamic: true, nodes: [] },
        { path: "p/end" }
      ]
    })
    expect(Pipeline.toMermaid(p)).toBe(`flowchart TD
  subgraph n1 ["p"]
    n2["start"]
    subgraph n3 ["call of known, with retries"]
      n4["pull"]
    end
    n5[["call of chosen"]]
    n6["end"]
    n2 --> n3
    n3 --> n5
    n5 --> n6
  end
`)
    expect(Pipeline.describe(tree)).toMatchObject({ name: "tree" })
  })

  const paths = <E>(result: Result.Result<Pipeline.Pipeline<{}, {}, unknown>, E>) =>
    Effect.map(watched(run(Result.getOrThrow(result), {})), ({ lines }) => starts(lines))

  it.effect("can be edited, also in a call", () =>
    Effect.gen(function* () {
      const mine = Step.make("mine", () => Effect.succeed({ digest: "mine" }))
      expect(yield* paths(p.pipe(Pipeline.replace("p/known/pull", mine)))).toContain("p/known/mine")
      expect(yield* paths(p.pipe(Pipeline.insertBefore("p/known/pull", mine)))).toEqual([
        "p/start",
        "p/known",
        "p/known/mine",
        "p/known/pull",
        "p/chosen",
        "p/chosen/pull",
        "p/end"
      ])
      expect(yield* paths(p.pipe(Pipeline.remove("p/known/pull")))).not.toContain("p/known/pull")
      expect(yield* paths(p.pipe(Pipeline.remove("p/chosen")))).not.toContain("p/chosen")
      expect((yield* paths(p.pipe(Pipeline.replace("p/known", mine))))[1]).toBe("p/mine")
      expect((yield* paths(p.pipe(Pipeline.insertAfter("p/chosen", mine)))).at(-2)).toBe("p/mine")
      // The original has not changed.
      expect((yield* watched(run(p, {}))).lines).toContain("StepStarted p/known/pull")
    })
  )

  test("cannot be edited within a pipeline that a function chooses", () => {
    // A path that the compiler does not know.
    const untyped: Pipeline.Pipeline<{}, {}, unknown> = p
    const edited = untyped.pipe(Pipeline.remove("p/chosen/pull"), Result.flip, Result.getOrThrow)
    expect(edited.message).toBe(
      "The pipeline has no node p/chosen/pull yet: the call p/chosen chooses its pipeline when it starts."
    )
    const wrong = untyped.pipe(Pipeline.remove("p/known/pul"), Result.flip, Result.getOrThrow)
    expect(wrong.message).toBe("The pipeline has no node p/known/pul.")
    expect(wrong).toMatchObject({ paths: ["p/start", "p/known", "p/known/pull", "p/chosen", "p/end"] })
    const strategy = untyped.pipe(Pipeline.strategy("p/chosen", Strategy.rolling()), Result.flip, Result.getOrThrow)
    expect(strategy).toBeInstanceOf(Pipeline.NotAForEach)
  })

  it.effect("can change the strategy of a forEach in a call", () =>
    Effect.gen(function* () {
      const each = make<Given, "each">("each").pipe(
        Pipeline.forEach({
          name: "items",
          as: "n",
          items: () => [1, 2],
          key: String,
          body: make<{ readonly n: number }>("body").pipe(step(fail("b")))
        })
      )
      const looped = make("p").pipe(call("a", each, () => ({ image: "" })))
      const all = yield* watched(run(looped, {}))
      expect(starts(all.lines)).toContain("p/a/items[2]/b")
      const rolling = looped.pipe(Pipeline.strategy("p/a/items", Strategy.rolling()), Result.getOrThrow)
      const one = yield* watched(run(rolling, {}))
      expect(one.lines).toContain("StepSkipped p/a/items[2]: not started because 1 failed")
    })
  )

  test("refuses an edit that gives a called pipeline with an undo a node of that name", () => {
    const inner = make<{}, "inner">("inner").pipe(
      step(pass("b")),
      Pipeline.undo(() => Effect.void)
    )
    const edited = make("p").pipe(
      call("a", inner, none),
      Pipeline.insertAfter("p/a/b", pass("undo")),
      Result.flip,
      Result.getOrThrow
    )
    expect(edited.message).toBe("The pipeline has two nodes with the path p/a/undo.")
  })
})
