import { expect, test } from "bun:test"
import { join } from "node:path"
import { forcedExitMessage } from "../../../src/cli/process/leftovers.ts"

test("lists resources and steps in the order in which they would have been released and undone", () => {
  expect(forcedExitMessage(["connection to web1", "local registry"], ["canary/tag", "canary/announce"])).toBe(
    "\nexited immediately\n" +
      "left behind:\n  local registry\n  connection to web1\n" +
      "steps done and not undone:\n  canary/announce\n  canary/tag\n" +
      "  → Commands may have stopped halfway. If this was a deploy, run it again: it cleans up.\n"
  )
  expect(forcedExitMessage([], ["canary/tag"])).toStartWith("\nexited immediately\nsteps done and not undone:\n")
  expect(forcedExitMessage([], [])).toBe("\nexited immediately; nothing was left behind\n")
})

test("contains no secret", async () => {
  const src = join(import.meta.dir, "../../../src")
  const program = `
    import { Effect } from "effect"
    import { supervise } from "${src}/cli/process/supervise.ts"
    import { HeldResources } from "${src}/core/NameTracker.ts"
    const stuck = Effect.gen(function* () {
      const held = yield* HeldResources
      held.add("login of hunter22")
      yield* Effect.uninterruptible(Effect.sleep("1 hour"))
    })
    supervise(stuck, (text) => text.replaceAll("hunter22", "<redacted>"))
    process.on("SIGINT", () => process.stdout.write("once"))
    process.stdout.write("here")`
  const child = Bun.spawn([process.execPath, "-e", program], { stdin: "ignore", stdout: "pipe", stderr: "pipe" })
  const stdout = child.stdout.getReader()
  await stdout.read()
  child.kill("SIGINT")
  await stdout.read()
  child.kill("SIGINT")
  expect(await new Response(child.stderr).text()).toContain("\n  login of <redacted>\n")
  expect(await child.exited).toBe(130)
})
