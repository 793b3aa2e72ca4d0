import { expect, test } from "bun:test"
import { cpSync, mkdirSync, readdirSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import manifest from "../../../package.json" with { type: "json" }
import { pipelines, smoke } from "./program.ts"

const root = join(import.meta.dir, "../../..")

/** Installs jiji into a project as `npm install jiji` does. `beside` is the path of its dependencies in node_modules. */
const install = (folder: string, ...beside: ReadonlyArray<string>) => {
  const modules = join(folder, "node_modules")
  mkdirSync(join(modules, "jiji"), { recursive: true })
  for (const name of [...manifest.files.filter((name) => !name.includes("*")), "package.json"]) {
    cpSync(join(root, name), join(modules, "jiji", name), { recursive: true })
  }
  const at = join(modules, ...beside)
  mkdirSync(at, { recursive: true })
  for (const name of readdirSync(join(root, "node_modules")).filter((name) => !name.startsWith("."))) {
    symlinkSync(join(root, "node_modules", name), join(at, name))
  }
  return [process.execPath, join(modules, "jiji", manifest.bin.jiji)]
}

const args = ["run", "smoke", "--smoke-path", "/up", "--dry-run"]

test("jiji from a checkout runs a pipeline of a project without node_modules", () => {
  using shop = pipelines({ ".jiji/pipelines/smoke.ts": smoke }, [process.execPath, join(root, "src/main.ts")])
  const { code, stderr, stdout } = shop.jiji(args)
  expect([code, stderr]).toEqual([0, ""])
  expect(stdout).toContain("   2  curl 3 GET false undefined /up\n")
})

for (const [where, beside] of [
  ["beside it", []],
  ["nested in it, if the project has another one", ["jiji", "node_modules"]]
] as const) {
  test(`jiji from node_modules runs a pipeline of the project, with effect ${where}`, () => {
    using shop = pipelines({ ".jiji/pipelines/smoke.ts": smoke })
    const program = install(shop.root, ...beside)
    if (beside.length > 0)
      cpSync(join(root, "node_modules/effect"), join(shop.root, "node_modules/effect"), { recursive: true })
    using same = pipelines({}, program)
    const { exitCode, stderr, stdout } = Bun.spawnSync([...program, ...args], { cwd: shop.root, env: same.env })
    expect([exitCode, stderr.toString()]).toEqual([0, ""])
    expect(stdout.toString()).toContain("   2  curl 3 GET false undefined /up\n")
  })
}
