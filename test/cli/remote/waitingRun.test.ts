import { expect, test } from "bun:test"
import { join } from "node:path"
import { makeServer, property, untilStatus } from "../../serve/server.ts"
import { program } from "../../support/program.ts"
import { compileFirst } from "../project.ts"

compileFirst()

const release = `import { Pipeline, Step } from "jiji"
export default Pipeline.make("release").pipe(Pipeline.step(Step.waitFor("approved")))
`

test("a run that waits prints the command that sends the signal, which also takes the run's ID", async () => {
  using folder = makeServer({ "shop/.jiji/pipelines/release.ts": release })
  const token = folder.token("ann", "approve")
  const server = await folder.serve()
  const start = (...args: ReadonlyArray<string>) => {
    const child = Bun.spawn([program, "--remote", server.url, ...args], {
      cwd: folder.root,
      env: { PATH: "/usr/bin:/bin", HOME: join(folder.root, "elsewhere"), JIJI_TOKEN: token },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe"
    })
    return Promise.all([child.exited, child.stdout.text(), child.stderr.text()])
  }
  const running = start("run", "release")
  const run = property(await untilStatus(server, token, 1, "waiting"), "run")
  expect(await start("signal", "zzz-zzzz", "approved")).toEqual([
    2,
    "",
    expect.stringContaining('"zzz-zzzz" is not the number of a run')
  ])
  expect(await start("signal", String(run), "approved")).toEqual([0, "Sent approved to run 1.\n", ""])
  const [code, , stderr] = await running
  expect(stderr).toContain(`run 1 waits for a signal: jiji --remote ${server.url} signal 1 approved\n`)
  expect(code).toBe(0)
}, 60_000)
