import { Effect, Schema } from "effect"
import { expect, test } from "bun:test"
import { memoryCache, Pipeline, Step } from "../../../src/index.ts"
import { Rehearsal } from "../../../src/testing/index.ts"
import { compileFirst } from "../project.ts"
import { pipelines } from "./program.ts"

compileFirst()

const cached = (flag: string) => `import { Effect, Schema } from "effect"
import { appendFileSync } from "node:fs"
import { Pipeline, Runnable, Step } from "jiji"

const flags = Schema.Struct({ tag: Schema.String, ${flag} })
const compile = Step.make(
  "compile",
  ({ tag }: { readonly tag: string }) =>
    Effect.sync(() => {
      appendFileSync("ran", tag + "\\n")
      return { image: "shop:" + tag }
    }),
  { result: Schema.Struct({ image: Schema.String }) }
).pipe(Step.cached({ key: ({ tag }: { readonly tag: string }) => tag }))
const show = Step.make("show", ({ image }: { readonly image: string }) => Effect.logInfo(image))
const pipeline = Pipeline.make<{ readonly tag: string }>("cached").pipe(Pipeline.step(compile), Pipeline.step(show))
export default Runnable.make({ description: "Compile", flags, pipeline })
`

test("a cached step runs once for each key, and again with --no-cache", async () => {
  using shop = pipelines({ ".jiji/pipelines/cached.ts": cached("") })
  const run = (...args: ReadonlyArray<string>) => shop.jiji(["run", "cached", "--tag", "v1", ...args])
  const ran = () => Bun.file(`${shop.root}/ran`).text()
  expect(run()).toMatchObject({ code: 0, stderr: "" })
  const again = run()
  expect(again).toMatchObject({ code: 0, stderr: "" })
  expect(again.stdout).toMatch(/compile: skipped.*cached .* ago/)
  expect(again.stdout).toContain("shop:v1")
  expect(await ran()).toBe("v1\n")

  const dry = run("--dry-run")
  expect(dry).toMatchObject({ code: 0, stderr: "" })
  expect(dry.stdout).toMatch(/compile: a run skips this step: cached .* ago/)
  expect(await ran()).toBe("v1\n")

  const fresh = run("--no-cache")
  expect(fresh).toMatchObject({ code: 0, stderr: "" })
  expect(fresh.stdout).toContain("compile: done")
  expect(await ran()).toBe("v1\nv1\n")

  const shown = shop.jiji(["runs", "show"])
  expect(shown.code).toBe(0)
  expect(shop.jiji(["run", "cached", "--help"]).stdout).toContain("--no-cache")
}, 60_000)

test("a pipeline's own flag --cache keeps its meaning", () => {
  using shop = pipelines({ ".jiji/pipelines/cached.ts": cached("cache: Schema.Boolean") })
  const run = () => shop.jiji(["run", "cached", "--tag", "v1", "--no-cache"])
  expect(run()).toMatchObject({ code: 0, stderr: "" })
  expect(run().stdout).toMatch(/compile: skipped.*cached/)
  expect(shop.jiji(["run", "cached", "--help"]).stdout).not.toContain("Run cached steps again")
}, 60_000)

test("rehearsals share a cache that they are given", async () => {
  let ran = 0
  const count = Step.make("count", () => Effect.sync(() => ({ n: ++ran })), {
    result: Schema.Struct({ n: Schema.Int })
  })
  const p = Pipeline.make("p").pipe(Pipeline.step(count.pipe(Step.cached({ key: () => "" }))))
  const cache = memoryCache()
  const tags = async (script: Rehearsal.Script) =>
    (await Effect.runPromise(Rehearsal.run(p, {}, script))).events.map(({ _tag }) => _tag)
  expect(await tags({ cache })).toContain("StepSucceeded")
  expect(await tags({ cache })).toContain("StepSkipped")
  expect(await tags({})).toContain("StepSucceeded")
  expect(ran).toBe(2)
})
