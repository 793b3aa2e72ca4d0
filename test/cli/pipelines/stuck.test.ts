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
    "error: .jiji/pipelines/loop.ts was not imported within 10 s: it waits for something, or never ends.\n" +
    "  → Look for an `await` outside of functions, and do in a step what takes time.\n"

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
      "error: x.ts ended jiji by itself, with the exit code 0, before anything was run.\n" +
      "  → Take the `process.exit` out of it, or put it into a step as an error: `Effect.fail`.\n"
  })
})
