import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dir, "../..")
mkdirSync(join(root, "dist"), { recursive: true })
const folder = mkdtempSync(join(root, "dist/types-"))
afterAll(() => rmSync(folder, { recursive: true }))

const beginning = `import { Context, Effect, Layer } from "effect"
import { Pipeline, Runnable, Step } from "jiji"
const build = Step.make("build", () => Effect.succeed({ image: "shop:1" }))
const push = Step.make("push", ({ image }: { readonly image: string }) => Effect.succeed({ digest: image }))
const built = Pipeline.make("p").pipe(Pipeline.step(build), Pipeline.step(push))
class Clock extends Context.Service<Clock, { readonly now: number }>()("me/Clock") {}
const tick = Step.make("tick", () => Effect.map(Clock, ({ now }) => ({ now })))
const number = Step.make("number", () => Effect.succeed({ x: 1 }))
const text = Step.make("text", () => Effect.succeed({ x: "" }))
const retype = <const Name extends string, X>(name: Name, x: X) =>
  Pipeline.make<{ x: X | number | boolean }, Name>(name).pipe(Pipeline.step(Step.make("set", () => Effect.succeed({ x }))))
const passes = Pipeline.make<{ x: number }, "passes">("passes")
const useX = Step.make("use", ({ x }: { readonly x: number }) => Effect.log(x))
const useOne = Step.make("use", ({ x }: { readonly x: 1 }) => Effect.log(x))
void [Layer, built, tick, number, text, retype, passes, useX, useOne]
`

const early = "an earlier step must add everything that this node needs"
const taken = "the pipeline already has a node with this name"
const noPath = "the pipeline has no node at this path"
const invalidName = "this name cannot be used"

/** A mistake in a pipeline, and what the compiler must say about it. */
const cases: ReadonlyArray<readonly [name: string, code: string, ...says: ReadonlyArray<string>]> = [
  [
    "a step before the one that makes its input",
    'Pipeline.make("p").pipe(Pipeline.step(push), Pipeline.step(build))',
    early,
    "'image' is missing"
  ],
  [
    "a nested pipeline without its input",
    'Pipeline.make("p").pipe(Pipeline.pipeline(Pipeline.make<{ readonly image: string }, "q">("q")))',
    early,
    "'image' is missing"
  ],
  [
    "a branch without its input",
    'Pipeline.make("p").pipe(Pipeline.parallel(build, push))',
    early,
    "'image' is missing"
  ],
  [
    "a condition without its input",
    'Pipeline.make("p").pipe(Pipeline.when({ if: () => true, reason: "no", body: push }))',
    early,
    "'image' is missing"
  ],
  ["two steps of one name", "built.pipe(Pipeline.step(build))", taken, '"build"'],
  ["a pipeline with the name of a step", 'built.pipe(Pipeline.pipeline(Pipeline.make("push")))', taken, '"push"'],
  ["a branch with the name of a step", "built.pipe(Pipeline.parallel(build, number))", taken, '"build"'],
  ["a replacement at a path that does not exist", 'built.pipe(Pipeline.replace("p/pusch", push))', noPath],
  ["an insertion at a path that does not exist", 'built.pipe(Pipeline.insertBefore("p/pusch", number))', noPath],
  ["a removal at a path that does not exist", 'built.pipe(Pipeline.remove("p/pusch"))', noPath],
  ["a removal of what others need", 'built.pipe(Pipeline.remove("p/build"))', "other nodes need these keys", '"image"'],
  [
    "a name with a slash",
    'Pipeline.make("p").pipe(Pipeline.step(Step.make("b/c", () => Effect.void)))',
    invalidName,
    "cannot contain a slash"
  ],
  [
    "a name with a line break",
    'Pipeline.make("p").pipe(Pipeline.step(Step.make("b\\nc", () => Effect.void)))',
    invalidName,
    "line breaks"
  ],
  ["an empty name", 'Pipeline.make("p").pipe(Pipeline.pipeline(Pipeline.make("")))', invalidName, "cannot be empty"],
  [
    "a replacement with a slash in its name",
    'built.pipe(Pipeline.replace("p/push", Step.make("b/c", () => Effect.succeed({ digest: "" }))))',
    invalidName,
    "cannot contain a slash"
  ],
  [
    "branches that add a key with different types",
    'Pipeline.make("p").pipe(Pipeline.parallel(number, text))',
    "parallel branches add these keys with different types",
    '"x"'
  ],
  [
    "a pipeline branch that changes the type of a key that it needs",
    'Pipeline.make<{ x: boolean }>("p").pipe(Pipeline.parallel(text, Pipeline.make<{ x: boolean }, "q">("q").pipe(Pipeline.step(number))))',
    "parallel branches add these keys with different types",
    '"x"'
  ],
  [
    "two such branches",
    'Pipeline.make<{ x: boolean }>("p").pipe(Pipeline.parallel(retype("a", 1), retype("b", "")))',
    "parallel branches add these keys with different types",
    '"x"'
  ],
  [
    "branches of which one adds the key only sometimes",
    'Pipeline.make("p").pipe(Pipeline.parallel(text, Step.make("some", () => Effect.succeed({} as { x: number } | { z: number }))))',
    "parallel branches add these keys with different types",
    '"x"'
  ],
  [
    "a list of branches that add a key with different types",
    'Pipeline.make("p").pipe(Pipeline.parallel(...[number, text]))',
    "parallel branches add these keys with different types",
    '"x"'
  ],
  [
    "a step that needs what a branch has changed beside one that only passes it on",
    'Pipeline.make<{ x: number }>("p").pipe(Pipeline.parallel(retype("a", ""), passes), Pipeline.step(useX))',
    early,
    "Type 'string' is not assignable to type 'number'"
  ],
  [
    "a step that needs what a nested pipeline has changed to a wider type",
    'Pipeline.make<{ x: number }>("p").pipe(Pipeline.pipeline(retype("a", 1 as number | string)), Pipeline.step(useX))',
    early,
    "Type 'string' is not assignable to type 'number'"
  ],
  [
    "a step that needs what a condition may have changed",
    'Pipeline.make<{ x: number }>("p").pipe(Pipeline.when({ if: () => true, reason: "", body: retype("a", "") }), Pipeline.step(useX))',
    early,
    "is not assignable to type 'number'"
  ],
  [
    "a step that needs the narrower type which a condition may have added",
    'Pipeline.make<{ x: number }>("p").pipe(Pipeline.when({ if: () => true, reason: "", body: retype("a", 1 as const) }), Pipeline.step(useOne))',
    early,
    "Type 'number' is not assignable to type '1'"
  ],
  [
    "an inserted pipeline that changes the type of a key that it needs",
    'Pipeline.make<{ x: number }>("p").pipe(Pipeline.pipeline(passes)).pipe(Pipeline.insertAfter("p/passes", retype("a", "")))',
    "the state has these keys with another type",
    '"x"'
  ],
  [
    "a step that returns an Effect without yield*",
    'Step.make("s", Effect.fn(function* () { return Effect.succeed({ image: "" }) }))',
    "put yield* before the Effect that this step returns"
  ],
  [
    "a result that is used without yield*",
    'Step.make("s", Effect.fn(function* () { const { now } = Effect.map(Clock, (clock) => clock); return { now } }))',
    "Property 'now' does not exist on type 'Effect<"
  ],
  [
    "a step that adds an Effect without yield*",
    'Pipeline.make("p").pipe(Pipeline.step(Step.make("s", () => Effect.succeed({ image: Effect.succeed("") }))), Pipeline.step(push))',
    early,
    "Type 'Effect<string, never, never>' is not assignable to type 'string'"
  ],
  [
    "a missing layer",
    'Runnable.make({ description: "x", pipeline: Pipeline.make("p").pipe(Pipeline.step(tick)) })',
    "jiji run does not provide these services",
    "Clock"
  ],
  [
    "a missing layer for rehearsals",
    'Runnable.make({ description: "x", pipeline: Pipeline.make("p").pipe(Pipeline.step(tick)), layers: { live: Layer.succeed(Clock, { now: 1 }), rehearsal: Layer.empty } })',
    "the layers for rehearsals must also provide these services",
    "Clock"
  ]
]

const output = new Map<string, string>()
beforeAll(async () => {
  cases.forEach(([, code], index) =>
    writeFileSync(join(folder, `case-${index}.ts`), `${beginning}export const wrong = ${code}\n`)
  )
  writeFileSync(
    join(folder, "right.ts"),
    `${beginning}export const right = Runnable.make({ description: "x", pipeline: built })\n`
  )
  const compilerOptions = { plugins: [] }
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ extends: "../../tsconfig.json", include: ["."], compilerOptions })
  )
  const compiler = Bun.spawn(
    [join(root, "node_modules/.bin/tsc"), "--pretty", "false", "--checkers", "1", "-p", folder],
    {
      stdout: "pipe",
      stderr: "inherit"
    }
  )
  // Each error begins with its file; the lines that explain it are indented.
  let file = ""
  for (const line of (await new Response(compiler.stdout).text()).split("\n")) {
    file = /([\w-]+\.ts)\(/.exec(line.startsWith(" ") ? "" : line)?.[1] ?? file
    output.set(file, `${output.get(file) ?? ""}${line}\n`)
  }
  await compiler.exited
}, 120_000)

describe("the compiler's message says in a sentence what is wrong with", () => {
  for (const [index, [name, , ...says]] of cases.entries()) {
    test(name, () => {
      const message = output.get(`case-${index}.ts`) ?? ""
      for (const part of says) expect(message).toContain(part)
    })
  }

  test("nothing that is right", () => {
    expect(output.get("right.ts")).toBeUndefined()
  })
})
