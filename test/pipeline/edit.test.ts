import { describe, expect, test } from "bun:test"
import { Effect, Result, Schedule, Schema } from "effect"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"
import { it } from "../effect.ts"
import { inTime, pass } from "./watch.ts"

const { make, step } = Pipeline

const p = make("p").pipe(
  step(pass("a")),
  Pipeline.parallel(pass("b"), make("c").pipe(step(pass("d")))),
  Pipeline.when({ if: () => true, reason: "it is off", body: pass("e") }),
  Pipeline.forEach({
    name: "all",
    as: "item",
    items: () => ["x"],
    key: String,
    strategy: Strategy.canary({ rest: Strategy.rolling({ batch: 2, onFailure: "undo" }) }),
    body: make<{ readonly item: string }>("each").pipe(step(pass("f")), step(pass("g")))
  })
)
// Paths that only a run of the program knows.
const untyped: Pipeline.Pipeline<{}, {}> = p
const mine = pass("mine")

/** The names of a pipeline's tree: branches in brackets, what is under a condition after a question mark. */
const names = (node: Pipeline.Description): string => {
  switch (node._tag) {
    case "Step":
      return node.name
    case "Parallel":
      return `[${node.branches.map(names).join(" | ")}]`
    case "When":
      return `?${names(node.body)}`
    default:
      return `${node.name}(${node.nodes.map(names).join(" ")})`
  }
}
const changed = (result: Result.Result<Pipeline.Pipeline<{}, {}>, { readonly message: string }>): string =>
  Result.match(result, {
    onFailure: ({ message }) => message,
    onSuccess: (pipeline) => names(Pipeline.describe(pipeline))
  })

describe("a pipeline is changed by the paths of its nodes", () => {
  const { insertAfter, insertBefore, remove, replace } = Pipeline
  const cases: ReadonlyArray<readonly [name: string, result: Parameters<typeof changed>[0], tree: string]> = [
    ["replace", replace("p/a", mine)(untyped), "p(mine [b | c(d)] ?e all(f g))"],
    ["replace a branch", replace("p/b", mine)(untyped), "p(a [mine | c(d)] ?e all(f g))"],
    ["replace a pipeline", replace("p/c", mine)(untyped), "p(a [b | mine] ?e all(f g))"],
    ["replace within a branch", replace("p/c/d", mine)(untyped), "p(a [b | c(mine)] ?e all(f g))"],
    ["replace under a condition", replace("p/e", mine)(untyped), "p(a [b | c(d)] ?mine all(f g))"],
    ["replace for each item", replace("p/all/f", mine)(untyped), "p(a [b | c(d)] ?e all(mine g))"],
    ["insert before", insertBefore("p/all/g", mine)(untyped), "p(a [b | c(d)] ?e all(f mine g))"],
    ["insert after", insertAfter("p/all", mine)(untyped), "p(a [b | c(d)] ?e all(f g) mine)"],
    ["insert before branches", insertBefore("p/c", mine)(untyped), "p(a mine [b | c(d)] ?e all(f g))"],
    ["insert in a branch", insertAfter("p/c/d", mine)(untyped), "p(a [b | c(d mine)] ?e all(f g))"],
    ["insert after a condition", insertAfter("p/e", mine)(untyped), "p(a [b | c(d)] ?e mine all(f g))"],
    ["remove", remove("p/a")(untyped), "p([b | c(d)] ?e all(f g))"],
    ["remove a branch", remove("p/c")(untyped), "p(a [b] ?e all(f g))"],
    ["remove what is under a condition", remove("p/e")(untyped), "p(a [b | c(d)] all(f g))"],
    ["remove from each item", remove("p/all/g")(untyped), "p(a [b | c(d)] ?e all(f))"],
    ["a name that is taken", replace("p/a", pass("b"))(untyped), "The pipeline has two nodes with the path p/b."],
    [
      "a name taken deeper",
      insertAfter("p/all/f", pass("g"))(untyped),
      "The pipeline has two nodes with the path p/all/g."
    ],
    ["a path that is not there", remove("p/all/h")(untyped), "The pipeline has no node p/all/h."],
    ["a path below a step", remove("p/a/b")(untyped), "The pipeline has no node p/a/b."],
    ["another pipeline's path", remove("q/a")(untyped), "The pipeline has no node q/a."],
    ["the pipeline itself", remove("p")(untyped), "The pipeline has no node p."]
  ]
  for (const [name, result, tree] of cases) test(name, () => expect(changed(result)).toBe(tree))

  test("and says which paths there are", () => {
    const error = Result.getOrThrow(Result.flip(Pipeline.remove("p/nowhere")(untyped)))
    expect(error).toMatchObject({
      _tag: "NoSuchNode",
      remedy: "Use one of these paths: p/a, p/b, p/c, p/c/d, p/e, p/all, p/all/f, p/all/g."
    })
  })

  test("which leaves the one it was made from as it was", () => {
    Result.getOrThrow(p.pipe(Pipeline.replace("p/all/f", mine)))
    expect(names(Pipeline.describe(p))).toBe("p(a [b | c(d)] ?e all(f g))")
  })

  it.effect("and runs as it was changed", () =>
    Effect.gen(function* () {
      const changed = yield* Effect.fromResult(
        p.pipe(Pipeline.replace("p/all/f", mine), Result.flatMap(Pipeline.remove("p/c")))
      )
      const { lines } = yield* inTime(Pipeline.run(changed, {}))
      expect(lines.filter((text) => text.startsWith("StepStarted")).map((text) => text.slice(12))).toEqual([
        "p/a",
        "p/b",
        "p/e",
        "p/all",
        "p/all[x]",
        "p/all[x]/mine",
        "p/all[x]/g"
      ])
    })
  )

  test("and two nodes of one path are refused as it is put together", () => {
    const twice: ReadonlyArray<() => unknown> = [
      () => untyped.pipe(step(pass("b"))),
      () => untyped.pipe(Pipeline.parallel(pass("x"), pass("x"))),
      () => untyped.pipe(Pipeline.pipeline(make("e"))),
      () => untyped.pipe(Pipeline.when({ if: () => true, reason: "", body: pass("a") }))
    ]
    for (const make of twice) expect(make).toThrow(Pipeline.DuplicatePath)
  })
})

const guarded = make("guarded").pipe(
  step(pass("a").pipe(Step.timeout("2 seconds"), Step.retry(Schedule.recurs(3)))),
  step(
    pass('"b"').pipe(
      Step.skipWhen(() => undefined),
      Step.undo(() => Effect.void)
    )
  )
)

describe("a pipeline is described", () => {
  test("as data that can be written down and read back", () => {
    const codec = Schema.fromJsonString(Pipeline.Description)
    for (const pipeline of [p, guarded]) {
      const tree = Pipeline.describe(pipeline)
      expect(Schema.decodeSync(codec)(Schema.encodeSync(codec)(tree))).toEqual(tree)
    }
    expect(Pipeline.describe(guarded)).toEqual({
      _tag: "Pipeline",
      name: "guarded",
      path: "guarded",
      nodes: [
        { _tag: "Step", name: "a", path: "guarded/a", around: [{ _tag: "Timeout", millis: 2000 }, { _tag: "Retry" }] },
        { _tag: "Step", name: '"b"', path: 'guarded/"b"', around: [{ _tag: "SkipWhen" }, { _tag: "Undo" }] }
      ]
    })
  })

  test("as a picture for Mermaid", () => {
    expect(Pipeline.toMermaid(p)).toBe(`flowchart TD
  subgraph n1 ["p"]
    n2["a"]
    n3["b"]
    subgraph n4 ["c"]
      n5["d"]
    end
    subgraph n6 ["or else: it is off"]
      n7["e"]
    end
    subgraph n8 ["each of all: 1 first, then in batches of 2, undo on failure"]
      n9["f"]
      n10["g"]
      n9 --> n10
    end
    n2 --> n3
    n2 --> n4
    n3 --> n6
    n4 --> n6
    n6 --> n8
  end
`)
    expect(Pipeline.toMermaid(guarded)).toBe(`flowchart TD
  subgraph n1 ["guarded"]
    n2["a, at most 2s, retried"]
    n3["#34;b#34;, may be skipped, can be undone"]
    n2 --> n3
  end
`)
  })
})
