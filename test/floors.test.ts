import { expect, test } from "bun:test"
import { Glob } from "bun"
import { readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"

const src = join(import.meta.dir, "../src")

/** What each floor may import from, besides itself. */
const below: Readonly<Record<string, ReadonlyArray<string>>> = {
  pipeline: [],
  config: ["pipeline"],
  layers: ["config", "pipeline"],
  testing: ["layers", "config", "pipeline"],
  steps: ["layers", "config", "pipeline"],
  reporters: ["steps", "layers", "config", "pipeline", "testing"],
  record: ["reporters", "config", "pipeline"],
  cli: ["record", "reporters", "steps", "layers", "config", "pipeline", "testing"],
  "index.ts": ["steps", "layers", "config", "pipeline"],
  "modules.ts": ["index.ts", "testing"],
  "whole.ts": ["modules.ts", "main.ts", "cli"],
  "compiled.ts": ["main.ts", "help.ts"],
  "help.ts": ["help.json"],
  "platform.ts": [],
  "main.ts": ["cli", "reporters", "steps", "layers", "config", "pipeline", "testing", "platform.ts"]
}

const floorOf = (file: string): string => file.split("/")[0] ?? ""

const files = [...new Glob("**/*.ts").scanSync(src)].filter((file) => !file.endsWith(".d.ts")).sort()

const imports = (file: string): ReadonlyArray<string> =>
  [...readFileSync(join(src, file), "utf8").matchAll(/(?:from|import) "(\.[^"]+)"/g)]
    .map((match) => normalize(join(dirname(file), match[1] ?? "")))
    // package.json is everybody's.
    .filter((imported) => !imported.startsWith(".."))

test("every folder of src is a floor, and imports only from those below it", () => {
  const wrong = files.flatMap((file) => {
    const floor = floorOf(file)
    const allowed = below[floor]
    if (allowed === undefined) return [`${file} is on no floor`]
    return imports(file)
      .filter((imported) => floorOf(imported) !== floor && !allowed.includes(floorOf(imported)))
      .map((imported) => `${file} imports ${imported}`)
  })
  expect(files.length).toBeGreaterThan(50)
  expect(wrong).toEqual([])
})

test("layers are provided by main, the command line and the testing kit alone", () => {
  const providers = files.filter((file) =>
    /\b[A-Z]\w*\.layer\b(?!\w)/.test(readFileSync(join(src, file), "utf8").replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, ""))
  )
  const outside = providers.filter((file) => !["main.ts", "platform.ts", "cli", "testing"].includes(floorOf(file)))
  expect(outside).toEqual([])
})
