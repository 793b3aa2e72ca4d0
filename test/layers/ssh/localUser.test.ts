import { expect, test } from "bun:test"
import { execFileSync } from "node:child_process"
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const module = join(import.meta.dir, "../../../src/layers/ssh/localUser.ts")

test("the name of the local user is asked for once, where no variable has it", () => {
  const folder = mkdtempSync(join(tmpdir(), "jiji-id-"))
  try {
    const id = join(folder, "id")
    writeFileSync(id, `#!/bin/sh\necho x >>${folder}/calls\necho deployer\n`)
    chmodSync(id, 0o755)
    const code = `import { localUser } from ${JSON.stringify(module)}; console.log(localUser(), localUser(), localUser())`
    const env = { PATH: `${folder}:${process.env["PATH"] ?? ""}` }
    const printed = execFileSync(process.execPath, ["-e", code], { env, encoding: "utf8" })
    expect(printed).toBe("deployer deployer deployer\n")
    expect(readFileSync(join(folder, "calls"), "utf8")).toBe("x\n")
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
