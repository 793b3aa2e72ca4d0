import { describe, expect, test } from "bun:test"
import { Effect, Result, Schedule, Schema } from "effect"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"
import { it } from "../support/effect.ts"
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
// Without node types, so that any path compiles.
const untyped: Pipeline.Pipeline<{}, {}> = p
const mine = pass("mine")

/** Returns the tree of a pipeline by name: `[a | b]` for parallel branches, `?a` for a node under a condition. */
const names = (node: Pipeline.Description): string => {
  switch (node._tag) {
    case "Step":
      return node.name
    case "Parallel":
      return `[${node.branches.map(names).join(" | ")}]`
    case "When":
      return `?${names(node.body)}`
    case "Choose":
      return `{${[node.body, node.else].map((side) => (side === undefined ? "" : names(side))).join(" : ")}}`
    default:
      return `${node.name}(${node.nodes.map(names).join(" ")})`
  }
}
const outcome = (result: Result.Result<Pipeline.Pipeline<{}, {}>, { readonly message: string }>): string =>
  Result.match(result, {
    onFailure: ({ message }) => message,
    onSuccess: (pipeline) => names(Pipeline.describe(pipeline))
  })

describe("editing a pipeline", () => {
  const { insertAfter, insertBefore, remove, replace } = Pipeline
  const cases: ReadonlyArray<readonly [name: string, result: Parameters<typeof outcome>[0], tree: string]> = [
    ["replaces a step", replace("p/a", mine)(untyped), "p(mine [b | c(d)] ?e all(f g))"],
    ["replaces a parallel branch", replace("p/b", mine)(untyped), "p(a [mine | c(d)] ?e all(f g))"],
    ["replaces a pipeline", replace("p/c", mine)(untyped), "p(a [b | mine] ?e all(f g))"],
    ["replaces a step inside a parallel branch", replace("p/c/d", mine)(untyped), "p(a [b | c(mine)] ?e all(f g))"],
    ["replaces the body of a when", replace("p/e", mine)(untyped), "p(a [b | c(d)] ?mine all(f g))"],
    ["replaces a step inside a forEach", replace("p/all/f", mine)(untyped), "p(a [b | c(d)] ?e all(mine g))"],
    ["inserts before a step", insertBefore("p/all/g", mine)(untyped), "p(a [b | c(d)] ?e all(f mine g))"],
    ["inserts after a forEach", insertAfter("p/all", mine)(untyped), "p(a [b | c(d)] ?e all(f g) mine)"],
    [
      "inserts before all branches of a parallel",
      insertBefore("p/c", mine)(untyped),
      "p(a mine [b | c(d)] ?e all(f g))"
    ],
    ["inserts inside a parallel branch", insertAfter("p/c/d", mine)(untyped), "p(a [b | c(d mine)] ?e all(f g))"],
    ["inserts after a when", insertAfter("p/e", mine)(untyped), "p(a [b | c(d)] ?e mine all(f g))"],
    ["removes a step", remove("p/a")(untyped), "p([b | c(d)] ?e all(f g))"],
    ["removes a parallel branch", remove("p/c")(untyped), "p(a [b] ?e all(f g))"],
    ["removes the body of a when", remove("p/e")(untyped), "p(a [b | c(d)] all(f g))"],
    ["removes a step inside a forEach", remove("p/all/g")(untyped), "p(a [b | c(d)] ?e all(f))"],
    [
      "fails if the name is already used",
      replace("p/a", pass("b"))(untyped),
      "The pipeline has two nodes with the path p/b."
    ],
    [
      "fails if the name is already used inside a forEach",
      insertAfter("p/all/f", pass("g"))(untyped),
      "The pipeline has two nodes with the path p/all/g."
    ],
    ["fails for an unknown path", remove("p/all/h")(untyped), "The pipeline has no node p/all/h."],
    ["fails for a path below a step", remove("p/a/b")(untyped), "The pipeline has no node p/a/b."],
    ["fails for the path of another pipeline", remove("q/a")(untyped), "The pipeline has no node q/a."],
    ["fails for the pipeline itself", remove("p")(untyped), "The pipeline has no node p."]
  ]
  for (const [name, result, tree] of cases) test(name, () => expect(outcome(result)).toBe(tree))

  test("lists the existing paths if the path is unknown", () => {
    const error = Result.getOrThrow(Result.flip(Pipeline.remove("p/nowhere")(untyped)))
    expect(error).toMatchObject({
      _tag: "NoSuchNode",
      remedy: "Use one of these paths: p/a, p/b, p/c, p/c/d, p/e, p/all, p/all/f, p/all/g."
    })
  })

  test("does not change the original pipeline", () => {
    Result.getOrThrow(p.pipe(Pipeline.replace("p/all/f", mine)))
    expect(names(Pipeline.describe(p))).toBe("p(a [b | c(d)] ?e all(f g))")
  })

  it.effect("runs the edited pipeline", () =>
    Effect.gen(function* () {
      const edited = yield* Effect.fromResult(
        p.pipe(Pipeline.replace("p/all/f", mine), Result.flatMap(Pipeline.remove("p/c")))
      )
      const { lines } = yield* inTime(Pipeline.run(edited, {}))
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

  test("throws if two nodes have the same path while building a pipeline", () => {
    const duplicates: ReadonlyArray<() => unknown> = [
      () => untyped.pipe(step(pass("b"))),
      () => untyped.pipe(Pipeline.parallel(pass("x"), pass("x"))),
      () => untyped.pipe(Pipeline.pipeline(make("e"))),
      () => untyped.pipe(Pipeline.when({ if: () => true, reason: "", body: pass("a") }))
    ]
    for (const make of duplicates) expect(make).toThrow(Pipeline.DuplicatePath)
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

describe("describing a pipeline", () => {
  test("returns data that can be serialized", () => {
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
        {
          _tag: "Step",
          name: "a",
          path: "guarded/a",
          wrappers: [{ _tag: "Timeout", millis: 2000 }, { _tag: "Retry" }]
        },
        { _tag: "Step", name: '"b"', path: 'guarded/"b"', wrappers: [{ _tag: "SkipWhen" }, { _tag: "Undo" }] }
      ]
    })
  })

  test("returns a Mermaid flowchart", () => {
    expect(Pipeline.toMermaid(p)).toBe(`flowchart TD
  subgraph n1 ["p"]
    n2["a"]
    n3["b"]
    subgraph n4 ["c"]
      n5["d"]
    end
    subgraph n6 ["unless: it is off"]
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
    n2["a, timeout 2s, with retries"]
    n3["#34;b#34;, may be skipped, can be undone"]
    n2 --> n3
  end
`)
  })
})
