import { Glob } from "bun"
import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { compileFirst, project } from "../project.ts"

compileFirst()

const src = join(import.meta.dir, "../../../src")

test("`jiji script` prints every script that a dry run can name", () => {
  const names = [...new Glob("**/*.ts").scanSync(src)].flatMap((file) =>
    [...readFileSync(join(src, file), "utf8").matchAll(/defineScript\(\{\s*name: "([^"]+)"/g)].map(([, name]) => name)
  )
  expect(names.length).toBeGreaterThan(30)
  using shop = project({})
  expect(shop.jiji(["script"]).stdout.trimEnd().split("\n")).toEqual(expect.arrayContaining(names))
})
