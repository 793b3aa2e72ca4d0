import { expect, test } from "bun:test"
import { compileFirst, project, source } from "./project.ts"
import { files } from "./shop.ts"

// The other tests run the compiled jiji. pipelines/installed.test.ts and the end-to-end tests run the source, too.
compileFirst()

test.each([
  [["deploy", "--dry-run"], 0],
  [["deploy", "--nope"], 2],
  [["registry"], 0],
  [["list"], 0],
  [["--version"], 0]
])("jiji does the same from its source as compiled: %j", (words, code) => {
  using shop = project(files)
  const { exitCode, stderr, stdout } = Bun.spawnSync([process.execPath, source, ...words], {
    cwd: shop.root,
    env: shop.env,
    stdin: "ignore",
    stderr: "pipe"
  })
  const compiled = shop.jiji(words)
  expect(compiled).toEqual({ code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() })
  expect(compiled.code).toBe(code)
})
