import { expect, test } from "bun:test"
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { apply } from "../../../src/layers/proxy/apply/apply.ts"

/** Runs `apply.sh` with an engine whose `exec` runs a shell script. Returns what it prints, and what `exec` got on stdin. */
const run = (exec: string) => {
  const folder = mkdtempSync(join(tmpdir(), "jiji-apply-"))
  const engine = `#!/bin/sh
case $1 in
  ps) echo 0a1b ;;
  inspect) echo "caddy:2.11.4 - running sha256:4f2e" ;;
  exec) cat >>${folder}/got; ${exec} ;;
esac
`
  writeFileSync(join(folder, "docker"), engine)
  chmodSync(join(folder, "docker"), 0o755)
  const { words } = apply.command({ engine: "docker", expected: "0a1b", mode: "apply" })
  const { stdout } = Bun.spawnSync([...words], {
    env: { PATH: `${folder}:${process.env["PATH"] ?? ""}` },
    stdin: new Blob(["project shop\n a\n"])
  })
  const got = readFileSync(join(folder, "got"), "utf8")
  rmSync(folder, { recursive: true })
  return { got, stdout: stdout.toString() }
}

test("passes on what it reads, and prints what the proxy answers", () => {
  expect(run("echo reloaded")).toEqual({ got: "project shop\n a\n", stdout: "reloaded\n" })
})

test("asks again if the engine loses the answer", () => {
  const once = 'd=$(dirname "$0"); [ -e "$d/asked" ] && echo changed; : >"$d/asked"'
  expect(run(once)).toEqual({ got: "project shop\n a\n".repeat(2), stdout: "changed\n" })
  expect(run("true").got).toBe("project shop\n a\n".repeat(3))
})
