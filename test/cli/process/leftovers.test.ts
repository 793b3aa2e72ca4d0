import { expect, test } from "bun:test"
import { join } from "node:path"
import { stopped } from "../../../src/cli/process/leftovers.ts"

test("a second signal says what was held and what was not undone, in the order in which they would have been", () => {
  expect(stopped(["connection to web1", "local registry"], ["canary/tag", "canary/announce"])).toBe(
    "\nstopped at once\n" +
      "this was still held, and may be left:\n  local registry\n  connection to web1\n" +
      "these steps were done, and not undone:\n  canary/announce\n  canary/tag\n" +
      "  → What ran may be half done, too. Where that was a deploy, the next one mends it.\n"
  )
  expect(stopped([], ["canary/tag"])).toStartWith("\nstopped at once\nthese steps were done, and not undone:\n")
  expect(stopped([], [])).toBe("\nstopped at once; nothing was held\n")
})

test("what is said of what was held holds no secret", async () => {
  const src = join(import.meta.dir, "../../../src")
  const program = `
    import { Effect } from "effect"
    import { supervised } from "${src}/cli/process/supervise.ts"
    import { HeldResources } from "${src}/core/NameTracker.ts"
    const stuck = Effect.gen(function* () {
      const held = yield* HeldResources
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
