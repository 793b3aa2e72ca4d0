import { describe, expect, test } from "bun:test"
import { program } from "../../support/program.ts"
import { compileFirst } from "../project.ts"
import { pipelines } from "./program.ts"

compileFirst()

// It never yields, but does not keep the processor busy either.
const loop = 'import { writeSync } from "node:fs"\nwriteSync(1, "here")\nwhile (true) Bun.sleepSync(50)\n'

/** How jiji ends that imports the loop, and gets a signal in it. */
const outcome = async (args: ReadonlyArray<string>, signal?: NodeJS.Signals) => {
  using shop = pipelines({ ".jiji/pipelines/loop.ts": loop })
  const child = Bun.spawn([program, ...args], {
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

describe("a pipeline file with an endless loop", () => {
  const stderr =
    "error: .jiji/pipelines/loop.ts took longer than 10 s to import: it waits for something, or never ends.\n" +
    "  → Look for an `await` outside of functions, and move slow work into a step.\n"

  test("is aborted by `jiji run` and `jiji list NAME`", async () => {
    const ended = await Promise.all([outcome(["run", "loop"]), outcome(["list", "loop"])])
    expect(ended).toEqual([
      { code: 78, signal: null, stderr },
      { code: 78, signal: null, stderr }
    ])
  }, 60_000)

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    test(`does not keep ${signal} from ending the process`, async () => {
      expect(await outcome(["run", "loop"], signal)).toEqual({ code: null, signal, stderr: "" })
    })
  }
})

test("a pipeline file that calls process.exit fails", () => {
  using shop = pipelines({ "x.ts": "process.exit(0)\n" })
  expect(shop.jiji(["run", "x.ts"])).toEqual({
    code: 78,
    stdout: "",
    stderr:
      "error: x.ts ended jiji with exit code 0 before the run started.\n" +
      "  → Remove `process.exit` from it. To report an error, let a step fail with `Effect.fail`.\n"
  })
})
