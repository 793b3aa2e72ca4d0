import { expect, test } from "bun:test"
import { join } from "node:path"

const root = join(import.meta.dir, "../..")

/** Runs Bun in the repository's folder. */
const bun = (...args: ReadonlyArray<string>) => {
  const env = { ...process.env, NO_COLOR: "1" }
  const options = { cwd: root, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" } as const
  const { exitCode, stderr, stdout } = Bun.spawnSync([process.execPath, ...args], options)
  return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}

test("examples/testing: the example's tests pass", () => {
  const { code, stderr } = bun("test", "./examples/testing")
  expect(stderr).toMatch(/^ [4-9] pass$/m)
  expect([code, /^ 0 fail$/m.test(stderr)]).toEqual([0, true])
}, 60_000)

test("examples/dry-run: the rehearsal prints the commands of each machine and how the run ends", () => {
  const { code, stderr, stdout } = bun("examples/dry-run/rehearse.ts")
  expect([code, stderr]).toEqual([0, ""])
  const shown = stdout.split("\n").map((line) => line.replace(/^ +\d+ {2}/, "  ").slice(0, 60))
  expect(shown.filter((line) => !line.startsWith("  "))).toEqual([
    "A deploy in which web2 loses its connection:",
    "",
    "on this machine:",
    "",
    "on web1 (203.0.113.10):",
    "",
    "on web2 (203.0.113.11):",
    "",
    "and its errors:",
    ""
  ])
  expect(shown.filter((line) => line.trim() === "docker rename shop-web-next shop-web")).toHaveLength(1)
  expect(stdout).toContain("\n  The connection to web2 was lost.\n  → ")
  expect(stdout).not.toContain("postgres://")
}, 60_000)
