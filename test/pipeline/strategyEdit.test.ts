import { describe, expect, test } from "bun:test"
import { Effect, Result } from "effect"
import { run } from "../../src/pipeline/interpreter/run.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"
import { deploy } from "../../src/steps/DeployPipeline.ts"
import { Rehearsal } from "../../src/testing/index.ts"
import { it } from "../support/effect.ts"
import { inTime, pass } from "./watch.ts"

const { make, step, strategy } = Pipeline

const each = Pipeline.forEach({
  name: "each",
  as: "n",
  items: () => [1, 2],
  key: String,
  body: make<{ readonly n: number }>("body").pipe(step(Step.make("a", () => Effect.sleep("1 millis"))))
})
const p = make<{ readonly batch: number }>("p").pipe(step(pass("first")), each)
const untyped: Pipeline.Pipeline<{ readonly batch: number }, {}> = p

describe("Pipeline.strategy", () => {
  it.effect("changes how the items of a forEach run, also by the state", () =>
    Effect.gen(function* () {
      const rolling = Result.getOrThrow(
        p.pipe(strategy("p/each", ({ batch }: { readonly batch: number }) => Strategy.rolling({ batch })))
      )
      const { lines } = yield* inTime(run(rolling, { batch: 1 }))
      const ended = lines.indexOf("StepSucceeded p/each[1]")
      expect(lines.indexOf("StepStarted p/each[2]")).toBeGreaterThan(ended)
      const both = yield* inTime(run(p, { batch: 1 }))
      expect(both.lines.indexOf("StepStarted p/each[2]")).toBeLessThan(both.lines.indexOf("StepSucceeded p/each[1]"))
    })
  )

  test("finds a forEach within other nodes", () => {
    const inner = make<{ readonly batch: number }, "inner">("inner").pipe(each)
    const nested = make<{ readonly batch: number }>("q").pipe(
      Pipeline.choose({ if: () => true, body: inner, else: inner }),
      Pipeline.parallel(make<{}, "b">("b").pipe(each))
    )
    const changed = nested.pipe(
      strategy("q/inner/each", Strategy.rolling({ batch: 5 })),
      Result.flatMap(strategy("q/b/each", Strategy.rolling({ batch: 6 })))
    )
    const drawn = Pipeline.toMermaid(Result.getOrThrow(changed))
    expect(drawn.match(/in batches of \d/g)).toEqual(["in batches of 5", "in batches of 5", "in batches of 6"])
  })

  test("fails with the paths that can be used", () => {
    const rolling = Strategy.rolling()
    expect(untyped.pipe(strategy("p/first", rolling))).toMatchObject({
      failure: { _tag: "NotAForEach", path: "p/first", paths: ["p/each"] }
    })
    expect(untyped.pipe(strategy("p/nothing", rolling))).toMatchObject({ failure: { _tag: "NoSuchNode" } })
    expect(() => p.pipe(strategy("p/each", Strategy.rolling({ batch: 0 })))).toThrow("batch: 0")
  })

  it.effect("makes the deploy rolling", () =>
    Effect.gen(function* () {
      const project = Rehearsal.project(`
project: shop
servers: { web1: { host: 203.0.113.10 }, web2: { host: 203.0.113.11 } }
services: { web: { image: "nginx:1.27", hosts: [web1, web2] } }
`)
      const rolling = Result.getOrThrow(deploy.pipe(strategy("deploy/servers", Strategy.rolling())))
      const { events, failures } = yield* Rehearsal.run(rolling, { project })
      expect(failures).toEqual([])
      const at = (tag: string, path: string) => events.findIndex((event) => event._tag === tag && event.path === path)
      expect(at("StepStarted", "deploy/servers[web2]")).toBeGreaterThan(at("StepSucceeded", "deploy/servers[web1]"))
    })
  )
})
