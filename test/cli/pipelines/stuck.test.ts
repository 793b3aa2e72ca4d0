import { describe, expect, test } from "bun:test"
import { bundleWhole, pipelines, whole } from "./program.ts"

bundleWhole()

const loop = 'import { writeSync } from "node:fs"\nwriteSync(1, "here")\nwhile (true) {}\n'

/** What becomes of a `jiji` that imports the loop, and is sent a signal in it or none. */
const become = async (args: ReadonlyArray<string>, signal?: NodeJS.Signals) => {
  using shop = pipelines({ ".jiji/pipelines/loop.ts": loop })
  const child = Bun.spawn([process.execPath, whole, ...args], {
    cwd: shop.root,
    env: shop.env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe"
  })
  await child.stdout.getReader().read()
  if (signal !== undefined) child.kill(signal)
  const stderr = await new Response(child.stderr).text()
  await child.exited
  return { code: child.exitCode, signal: child.signalCode, stderr }
}

describe("a pipeline's file with a loop that never ends", () => {
  const stderr =
    "error: .jiji/pipelines/loop.ts took longer than 10 s to import: it waits for something, or never ends.\n" +
    "  → Look for an `await` outside of functions, and move slow work into a step.\n"

  test("is given up by `jiji run` and `jiji list`", async () => {
    const ended = await Promise.all([become(["run", "loop"]), become(["list"])])
    expect(ended).toEqual([
      { code: 78, signal: null, stderr },
      { code: 78, signal: null, stderr }
    ])
  }, 60_000)

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    test(`lets ${signal} end the process`, async () => {
      expect(await become(["run", "loop"], signal)).toEqual({ code: null, signal, stderr: "" })
    })
  }
})

test("a pipeline's file that ends the process is no success", () => {
  using shop = pipelines({ "x.ts": "process.exit(0)\n" })
  expect(shop.jiji(["run", "x.ts"])).toEqual({
    code: 78,
    stdout: "",
    stderr:
      "error: x.ts ended jiji with exit code 0 before the run started.\n" +
      "  → Remove `process.exit` from it. To report an error, let a step fail with `Effect.fail`.\n"
  })
})
