import { describe, expect, test } from "bun:test"
import { Effect, Exit } from "effect"
import { mkdirSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { exitReport } from "../../../src/cli/process/exit.ts"
import { findPipeline } from "../../../src/cli/pipelines/find.ts"
import { pipelineFlags } from "../../../src/cli/pipelines/flags.ts"
import { loadPipeline } from "../../../src/cli/pipelines/load.ts"
import { PipelineModules, registerModules } from "../../../src/cli/pipelines/modules.ts"
import { modules } from "../../../src/release/modules.ts"
import * as Platform from "../../../src/layers/Platform.ts"
import { it } from "../../support/effect.ts"
import { project } from "../project.ts"
import { advanceUntilDone } from "../../support/waiting.ts"

await Effect.runPromise(Effect.provideService(registerModules, PipelineModules, { load: Effect.succeed(modules) }))

/** Loads a pipeline as `jiji run FILE` does. */
const load = (root: string, file: string) =>
  Effect.flatMap(findPipeline(root, file), loadPipeline).pipe(Effect.tap(pipelineFlags), Effect.provide(Platform.layer))

const outcomeOf = (root: string, exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "loaded"
  const { code, text } = exitReport(exit.cause)
  return `${code} ${text.replaceAll(root, "ROOT")}`
}

/** The exit code and the error of `jiji run FILE` in a project. */
const outcome = async (files: Readonly<Record<string, string>>, file = "x.ts") => {
  using shop = project(files)
  return outcomeOf(shop.root, await Effect.runPromiseExit(load(shop.root, file)))
}

const first =
  'import { Effect, Result, Schema } from "effect"\nimport { deploy, Pipeline, Runnable, Step } from "jiji"\n'

describe("a pipeline file that does not compile", () => {
  const remedy = "  → Fix these lines; `tsc --noEmit` shows type errors too.\n"

  test("is reported with the line of a syntax error", async () => {
    expect(await outcome({ "x.ts": "const a = 1\nexport default {\n" })).toBe(
      `78 error: x.ts:2 Expected identifier but found end of file\n${remedy}`
    )
  })

  test("is reported with the line of a syntax error in a file that it imports", async () => {
    expect(await outcome({ "x.ts": 'import "./lib/y.ts"\n', "lib/y.ts": "\n\nlet a = = 1\n" })).toBe(
      `78 error: lib/y.ts:3 Unexpected =\n${remedy}`
    )
  })

  test("is reported with the line of an import that cannot be resolved", async () => {
    expect(await outcome({ "x.ts": '\nimport "nothing-of-that-name"\n' })).toBe(
      `78 error: x.ts:2 Cannot find package 'nothing-of-that-name' imported from ROOT/x.ts\n${remedy}`
    )
    const deep = await outcome({ "x.ts": 'import "./y.ts"\n', "y.ts": '\n\nimport "./z.ts"\n' })
    expect(deep).toStartWith("78 error: y.ts:3 Cannot find ")
  })

  test("is reported with the line of a name that jiji does not export", async () => {
    expect(await outcome({ "x.ts": '\nimport { Pipelin } from "jiji"\nexport default Pipelin\n' })).toBe(
      `78 error: x.ts:2 Export named 'Pipelin' not found in module 'jiji'.\n${remedy}`
    )
  })
})

describe("a pipeline file that throws", () => {
  test("is reported with the error and its line", async () => {
    expect(await outcome({ "x.ts": '\n\nthrow new Error("by will")\n' })).toBe(
      "78 error: x.ts:3 by will\n  → Move everything that can fail into a step: a pipeline file only defines the pipeline.\n"
    )
    expect(await outcome({ "x.ts": "throw 'a text'\n" })).toStartWith("78 error: x.ts a text\n")
    expect(await outcome({ "x.ts": "throw { a: 1 }\n" })).toStartWith('78 error: x.ts {"a":1}\n')
    expect(await outcome({ "x.ts": "\nJSON.parse(String())\n" })).toStartWith("78 error: x.ts:2 ")
  })

  test("is reported even if the error cannot be printed", async () => {
    expect(await outcome({ "x.ts": "throw { toString() { throw 1 } }\n" })).toStartWith(
      "78 error: x.ts [toString threw]\n"
    )
    expect(await outcome({ "x.ts": "throw Object.create(null)\n" })).toStartWith("78 error: x.ts ")
  })

  test("is reported if two nodes have the same path", async () => {
    const text = `${first}const names = ["a", "a"]
let all = Pipeline.make("mine")
for (const name of names) {
  all = all.pipe(Pipeline.step(Step.make(name, () => Effect.void)))
}
export default all
`
    expect(await outcome({ "x.ts": text })).toBe(
      "78 error: x.ts:6 The pipeline has two nodes with the path mine/a.\n  → Rename one of them.\n"
    )
  })

  const changed = 'deploy.pipe(Pipeline.replace("deploy/servers/pul", Step.make("pull", () => Effect.void)))'
  for (const [name, text] of Object.entries({
    thrown: `export default Result.getOrThrow(${changed})`,
    exported: `export default ${changed}`,
    "passed to Runnable.make": `export default Runnable.make({ description: "x", pipeline: ${changed} })`
  })) {
    test(`is reported if it changes a node that does not exist (${name})`, async () => {
      expect(await outcome({ "x.ts": `${first}${text}\n` })).toMatch(
        /^78 error: x\.ts:3 The pipeline has no node deploy\/servers\/pul\.\n {2}→ Use one of these paths: .*\n$/
      )
    })
  }
})

it.effect("aborts the import of a pipeline file that waits forever", () =>
  Effect.gen(function* () {
    using shop = project({ "x.ts": "await new Promise(() => {})\nexport default 1\n" })
    const fiber = yield* Effect.forkChild(Effect.exit(load(shop.root, "x.ts")))
    // Files are read in real time, and only then does the time limit start.
    expect(outcomeOf(shop.root, yield* advanceUntilDone(fiber, "10 seconds"))).toBe(
      "78 error: x.ts took longer than 10 s to import: it waits for something, or never ends.\n" +
        "  → Look for an `await` outside of functions, and move slow work into a step.\n"
    )
  })
)

describe("a pipeline file is rejected", () => {
  const remedy =
    '  → Write `export default Runnable.make({ description: "…", pipeline })`, with `Runnable` from "jiji".\n'

  test("if it has no default export", async () => {
    expect(await outcome({ "x.ts": "export const a = 1\n" })).toBe(`78 error: x.ts has no default export.\n${remedy}`)
    expect(await outcome({ "x.ts": "" })).toBe(`78 error: x.ts has no default export.\n${remedy}`)
  })

  test("if another export is the pipeline, which the error names", async () => {
    expect(await outcome({ "x.ts": `${first}export const canary = Pipeline.make("canary")\n` })).toEndWith(
      '78 error: x.ts has no default export.\n  → Write `export default Runnable.make({ description: "…", pipeline: canary })`, with `Runnable` from "jiji".\n'
    )
    const runnable = 'export const canary = Runnable.make({ description: "x", pipeline: Pipeline.make("canary") })'
    expect(await outcome({ "x.ts": `${first}${runnable}\n` })).toEndWith(
      "78 error: x.ts has no default export.\n  → Write `export default canary`.\n"
    )
  })

  for (const [value, found] of Object.entries({
    'Step.make("a", () => Effect.void)': "a step",
    "Effect.void": "an Effect",
    "Schema.String": "a Schema",
    "() => 1": "a function",
    "[deploy]": "a list",
    null: "null",
    undefined: "undefined",
    "{ deploy }": "an object"
  })) {
    test(`if its default export is ${found}`, async () => {
      expect(await outcome({ "x.ts": `${first}export default ${value}\n` })).toBe(
        `78 error: The default export of x.ts is ${found}, not a pipeline.\n${remedy}`
      )
    })
  }
})

describe("a pipeline of another copy of jiji", () => {
  const other = (version: string) => ({
    "node_modules/jiji/package.json": JSON.stringify({ name: "jiji", version, type: "module", exports: "./index.js" }),
    "node_modules/jiji/index.js": `export const other = { _tag: "Pipeline", "~origin": { version: "${version}" }, nodes: [] }\n`
  })

  test("is rejected before its import if the project has another version", async () => {
    expect(await outcome({ "x.ts": "throw 1\n", ...other("0.0.9") })).toBe(
      "78 error: x.ts imports jiji 0.0.9, but jiji 0.1.0 is running.\n" +
        "  → Use the project's jiji (`bunx jiji run …`), or install jiji 0.1.0 in the project.\n"
    )
  })

  test("is rejected if it is imported by path", async () => {
    const text = 'export { other as default } from "./node_modules/jiji/index.js"\n'
    expect(await outcome({ "x.ts": text, ...other("0.1.0") })).toBe(
      "78 error: x.ts imports a different copy of jiji 0.1.0 from the one that is running.\n" +
        '  → Import from "jiji", not from a path.\n'
    )
  })
})

describe("a field that cannot be a flag is rejected", () => {
  for (const [field, schema, reason, of] of [
    ["token", "Schema.Redacted(Schema.String)", "is a secret, but every user of this machine can read a command line"],
    ["token", "Schema.optionalKey(Schema.RedactedFromValue(Schema.String))", "is a secret"],
    ["of", "Schema.Struct({})", "has a type that a flag cannot have"],
    ["hosts", "Schema.String", "has a name that `jiji run` uses itself"],
    ["dryRun", "Schema.Boolean", "has a name that `jiji run` uses itself"],
    ["project", "Schema.String", "has a name that `jiji run` uses itself"],
    ["c", "Schema.String", "has a name that `jiji run` uses itself"],
    ["h", "Schema.String", "has a name that `jiji run` uses itself"],
    ["noJson", "Schema.String", "has the same name as another flag"],
    ["fooBar", 'Schema.String, ["foo_bar"]: Schema.String', "has the same name as another flag", "foo_bar"],
    ["noFoo", "Schema.Boolean, foo: Schema.Boolean", "has the same name as another flag"],
    ["constructor", "Schema.optionalKey(Schema.String)", "has a name that every JavaScript object has"],
    ["toString", "Schema.optionalKey(Schema.String)", "has a name that every JavaScript object has"],
    [
      "late",
      "Schema.String.pipe(Schema.withDecodingDefaultKey(Effect.sync(() => { throw 1 })))",
      "has a default that throws"
    ],
    ["1st", "Schema.String", "has a name that a flag cannot have"]
  ] as const) {
    test(`${field}: ${schema}`, async () => {
      const text = `${first}export default Runnable.make({
  description: "x", flags: Schema.Struct({ ["${field}"]: ${schema} }), pipeline: Pipeline.make("x")
})`
      expect(await outcome({ "x.ts": text })).toStartWith(`78 error: x.ts: the flag "${of ?? field}" ${reason}`)
    })
  }
})

describe("a pipeline file that cannot be read is reported", () => {
  test("if it does not exist, with a suggestion", async () => {
    expect(await outcome({})).toBe(
      "2 error: The file x.ts does not exist.\n  → Name a file such as ./pipelines/canary.ts, or add a pipeline to .jiji/pipelines.\n"
    )
    const two = { ".jiji/pipelines/smoke.ts": "", ".jiji/pipelines/roll.ts": "" }
    expect(await outcome(two, "smok")).toBe(
      "2 error: There is no pipeline smok: .jiji/pipelines/smok.ts does not exist.\n  → Did you mean `jiji run smoke`?\n"
    )
    expect(await outcome(two, "deploy")).toBe(
      "2 error: deploy is a built-in pipeline: .jiji/pipelines/deploy.ts does not exist.\n  → Run `jiji deploy`.\n"
    )
    expect(await outcome(two, "else")).toEndWith("  → Name a file, or a pipeline in .jiji/pipelines: roll or smoke.\n")
  })

  test("if it is a folder, a pipe, or a broken link", async () => {
    using shop = project({ "folder/keep": "" })
    const of = async (file: string) => outcomeOf(shop.root, await Effect.runPromiseExit(load(shop.root, file)))
    mkdirSync(join(shop.root, "x.ts"))
    symlinkSync("nowhere", join(shop.root, "y.ts"))
    Bun.spawnSync(["mkfifo", join(shop.root, "z.ts")])
    expect(await of("x.ts")).toBe(
      "2 error: x.ts cannot be read: it is a folder.\n  → Make sure that it is a TypeScript file and that your user may read it.\n"
    )
    expect(await of("./folder")).toContain("it is a folder")
    expect(await of("y.ts")).toStartWith("2 error: The file y.ts does not exist.\n")
    expect(await of("z.ts")).toContain("it is a device, a pipe or a socket")
  })
})
