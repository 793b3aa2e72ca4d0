import { expect, test } from "bun:test"
import { join } from "node:path"
import { stopped } from "../../src/cli/stopped.ts"

test("a second signal says what was held, in the order in which it would have been released", () => {
  expect(stopped(["connection to web1", "local registry", "reverse forward from web1"])).toBe(
    "\nstopped at once; this was still held, and may be left:\n" +
      "  reverse forward from web1\n  local registry\n  connection to web1\n" +
      "  → A half-made container may be on a server, too; the next deploy mends it.\n"
  )
  expect(stopped([])).toBe("\nstopped at once; nothing was held\n")
})

test("what is said of what was held holds no secret", async () => {
  const src = join(import.meta.dir, "../../src")
  const program = `
    import { Effect } from "effect"
    import { supervised } from "${src}/cli/supervised.ts"
    import { Held } from "${src}/pipeline/Held.ts"
    const stuck = Effect.gen(function* () {
      const held = yield* Held
      held.add("login of hunter22")
      yield* Effect.uninterruptible(Effect.sleep("1 hour"))
    })
    supervised(stuck, (text) => text.replaceAll("hunter22", "<redacted>"))
    process.on("SIGINT", () => process.stdout.write("once"))
    process.stdout.write("here")`
  const child = Bun.spawn([process.execPath, "-e", program], { stdin: "ignore", stdout: "pipe", stderr: "pipe" })
  const said = child.stdout.getReader()
  await said.read()
  child.kill("SIGINT")
  await said.read()
  child.kill("SIGINT")
  expect(await new Response(child.stderr).text()).toContain("\n  login of <redacted>\n")
  expect(await child.exited).toBe(130)
})
