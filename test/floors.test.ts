import { describe, expect, test } from "bun:test"
import { Glob } from "bun"
import { readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"

const src = join(import.meta.dir, "../src")

/** What each floor may import from, besides itself. The lowest floor comes first. */
const floors: Readonly<Record<string, ReadonlyArray<string>>> = {
  core: [],
  pipeline: ["core"],
  config: ["core"],
  init: ["config", "core"],
  layers: ["config", "core"],
  steps: ["layers", "config", "pipeline", "core"],
  sandbox: ["layers", "config", "core"],
  rehearsal: ["layers", "config", "core"],
  testing: ["rehearsal", "sandbox", "layers", "config", "pipeline", "core"],
  reporters: ["steps", "layers", "config", "core"],
  record: ["reporters", "config", "pipeline", "core"],
  serve: ["record", "reporters", "config", "core"],
  cli: [
    "serve",
    "init",
    "record",
    "reporters",
    "rehearsal",
    "sandbox",
    "steps",
    "layers",
    "config",
    "pipeline",
    "core"
  ],
  "index.ts": ["steps", "layers", "config", "pipeline", "core"],
  "main.ts": [
    "cli",
    "serve",
    "record",
    "reporters",
    "rehearsal",
    "steps",
    "layers",
    "config",
    "pipeline",
    "core",
    "release"
  ],
  release: ["main.ts", "index.ts", "testing", "cli", "core"]
}

/** The same for the folders of `layers`. */
const layers: Readonly<Record<string, ReadonlyArray<string>>> = {
  "Platform.ts": [],
  processes: [],
  git: ["processes"],
  secrets: ["git", "processes"],
  ssh: ["secrets"],
  shell: ["ssh", "processes"],
  registry: [],
  context: [],
  docker: ["context", "shell", "ssh", "processes"],
  registryContainer: ["docker", "registry", "shell", "processes"],
  lock: ["docker", "shell", "ssh", "processes"],
  proxy: ["docker", "shell", "processes"],
  setup: ["processes"],
  diagnosis: ["proxy", "registryContainer", "docker", "shell", "processes"]
}

const files = [...new Glob("**/*.ts").scanSync(src)].filter((file) => !file.endsWith(".d.ts")).sort()

interface Import {
  readonly file: string
  /** Whether it disappears when the program runs. */
  readonly isType: boolean
}

const transpiler = new Bun.Transpiler({ loader: "ts" })

/** A path after `from`, `import` or `import(`. Bun only reads imports of values, but the floors apply to types, too. */
const anyImport = /\b(?:import|export)\b(?:[^"'`;]*?\bfrom\b)?(?:\s|\/\*[^]*?\*\/|\/\/.*\n|\()*["'`]([^"'`]+)["'`]/g

/** Returns the file that a path leads to, or the path itself if it names a package. */
const resolve = (from: string, path: string): string => {
  if (!path.startsWith(".")) return path
  const file = normalize(join(dirname(from), path))
  return [file, `${file}.ts`, `${file}/index.ts`].find((each) => files.includes(each)) ?? file
}

/** Reads the imports of a file's text. */
const readImports = (file: string, text: string): ReadonlyArray<Import> => {
  const values = transpiler.scanImports(text.replace(/^#!.*/, "")).map(({ path }) => path)
  const all = [...text.matchAll(anyImport)].map(([, path = ""]) => path)
  return [...new Set([...values, ...all])]
    .filter((path) => path.startsWith(".") || /^jiji(?:\/|$)/.test(path))
    .map((path) => ({ file: resolve(file, path), isType: !values.includes(path) }))
}

const read = new Map(files.map((file) => [file, readImports(file, readFileSync(join(src, file), "utf8"))]))

const importsOf = (file: string): ReadonlyArray<Import> =>
  // package.json belongs to everybody.
  (read.get(file) ?? []).filter((imported) => imported.file !== "../package.json")

/** Imports that leave their folder for one that is not below it. `depth` says how many parts of a path name a folder. */
const violations = (
  allowed: Readonly<Record<string, ReadonlyArray<string>>>,
  depth: number,
  within: string
): ReadonlyArray<string> => {
  const folder = (file: string) => file.split("/")[depth] ?? ""
  return files
    .filter((file) => file.startsWith(within))
    .flatMap((file) => {
      const below = allowed[folder(file)]
      if (below === undefined) return [`${file} is not in a known folder`]
      return importsOf(file)
        .filter((each) => each.file.startsWith(within))
        .filter((each) => folder(each.file) !== folder(file) && !below.includes(folder(each.file)))
        .map((each) => `${file} imports ${each.file}`)
    })
}

/** Files that import each other's values, as the paths that lead back to where they began. */
const circles = (importsOf: (file: string) => ReadonlyArray<Import>, files: ReadonlyArray<string>) => {
  const done = new Set<string>()
  const found: Array<string> = []
  const visit = (file: string, path: ReadonlyArray<string>): void => {
    const at = path.indexOf(file)
    if (at >= 0) return void found.push([...path.slice(at), file].join(" -> "))
    if (done.has(file)) return
    for (const imported of importsOf(file)) {
      if (!imported.isType && files.includes(imported.file)) visit(imported.file, [...path, file])
    }
    done.add(file)
  }
  for (const file of files) visit(file, [])
  return found
}

describe("the floors of src", () => {
  test("reads every kind of import", () => {
    expect(files.length).toBeGreaterThan(200)
    const main = importsOf("main.ts").map(({ file }) => file)
    expect(main).toContain("cli/commands/root.ts")
    expect(importsOf("index.ts").map(({ file }) => file)).toContain("config/Project.ts")
    expect(importsOf("index.ts").find(({ file }) => file === "config/Project.ts")?.isType).toBe(true)
    expect(importsOf("pipeline/Pipeline.ts").find(({ file }) => file === "core/Event.ts")?.isType).toBe(true)
  })

  test("finds an import however it is written", () => {
    const ways: ReadonlyArray<readonly [text: string, isType: boolean]> = [
      ['import { a } from "./text.ts"\na()', false],
      ["import { a } from './text.ts'\na()", false],
      ['import {\n  // it is needed\n  a\n} from "./text.ts"\na()', false],
      ['/* first */ import { a } from "./text.ts"\na()', false],
      ['const a = 1; import "./text.ts"', false],
      ['export * from "./text"', false],
      ['const a = await import("./text.ts")', false],
      ["const a = () => import(/* later */ `./text.ts`)", false],
      ['const a = require("./text.ts")', false],
      ['import type { A } from "./text.ts"', true],
      ['import { type A } from "./text.ts"', true],
      ['export type { A } from "./text.ts"', true],
      ['export type A = import("./text.ts").A', true],
      ['type A = typeof import("./text.ts")', true]
    ]
    for (const [text, isType] of ways) {
      expect([text, readImports("core/a.ts", text)]).toEqual([text, [{ file: "core/text.ts", isType }]])
    }
    expect(readImports("core/a.ts", 'import("../cli/flags.ts")')).toEqual([{ file: "cli/flags.ts", isType: false }])
    expect(readImports("core/a.ts", 'import { Step } from "jiji"\nStep()')).toEqual([{ file: "jiji", isType: false }])
    expect(readImports("core/a.ts", 'import type { Step } from "jiji/testing"')).toHaveLength(1)
    const both = (file: string) => readImports(file, `await import(/* . */ "./${file === "a.ts" ? "b.ts" : "a.ts"}")`)
    expect(circles(both, ["a.ts", "b.ts"])).toEqual(["a.ts -> b.ts -> a.ts"])
  })

  test("does not import jiji by its name, which would be all of it", () => {
    expect(files.filter((file) => importsOf(file).some((each) => /^jiji(?:\/|$)/.test(each.file)))).toEqual([])
  })

  test("imports only from the floors below", () => {
    expect(violations(floors, 0, "")).toEqual([])
  })

  test("keeps the folders of layers in order", () => {
    expect(violations(layers, 1, "layers/")).toEqual([])
  })

  test("has no circle of imported values", () => {
    expect(circles(importsOf, files)).toEqual([])
  })

  test("provides layers only in main, the command line, the server, rehearsals and the testing kit", () => {
    const providers = files.filter((file) =>
      /\b[A-Z]\w*\.layer\b(?!\w)/.test(readFileSync(join(src, file), "utf8").replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, ""))
    )
    const outside = providers.filter(
      (file) => !/^(main\.ts|layers\/Platform\.ts|cli\/|serve\/|rehearsal\/|testing\/)/.test(file)
    )
    expect(outside).toEqual([])
  })
})
