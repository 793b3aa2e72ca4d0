import { describe, expect, test } from "bun:test"
import { Duration, Effect, Result } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { approval } from "../../examples/approval/.jiji/pipelines/approval.ts"
import { canary } from "../../examples/canary/.jiji/pipelines/canary.ts"
import { monorepo } from "../../examples/monorepo/.jiji/pipelines/monorepo.ts"
import { Answer, Rehearsal } from "../../src/testing/index.ts"
import { compileFirst, project as folder } from "../cli/project.ts"
import { program } from "../support/program.ts"
import { until } from "../support/waiting.ts"

compileFirst()

const examples = join(import.meta.dir, "../../examples")
const deployFile = (name: string) => readFileSync(join(examples, name, ".jiji/deploy.yml"), "utf8")
const project = (name: string) => Rehearsal.project(deployFile(name))

/** Starts jiji in an example's folder, isolated from this user's files and environment. */
const start = (
  name: string,
  args: ReadonlyArray<string>,
  stdin: "ignore" | "pipe" = "ignore",
  cwd = join(examples, name)
) => {
  const { env, [Symbol.dispose]: remove } = folder({})
  const child = Bun.spawn([program, "run", name, ...args], {
    cwd,
    env,
    stdin,
    stdout: "pipe",
    stderr: "pipe"
  })
  const done = Promise.all([child.exited, child.stdout.text(), child.stderr.text()]).then(([code, stdout, stderr]) => {
    remove()
    return { code, stdout, stderr }
  })
  return { child, done }
}
const jiji = (name: string, ...args: ReadonlyArray<string>) => start(name, args).done

describe("examples/canary", () => {
  const smoked = (path: string) =>
    `curl --fail --silent --show-error --max-time 5 --output /dev/null http://127.0.0.1:8080${path}`

  test("rehearses as its README says: completes the first server before it starts the others", async () => {
    const { code, stderr, stdout } = await jiji("canary", "--path", "/health", "--dry-run")
    expect([code, stderr]).toEqual([0, ""])
    const numbers = stdout.split("\n").flatMap((line) => /^ *(\d+) {2}(curl|# open the SSH)/.exec(line)?.[1] ?? [])
    const [opened, asked, ...rest] = numbers.map(Number)
    expect(stdout).toContain(smoked("/health"))
    expect([opened, rest.length]).toEqual([1, 4])
    expect(Math.min(...rest)).toBe((asked ?? 0) + 1)
  })

  test("does not touch the other servers if the first one's smoke test fails", async () => {
    const answers = [
      Answer.when({ on: "web1", command: "curl" }, Answer.fails("The requested URL returned error: 502", 22))
    ]
    const input = { project: project("canary"), path: "/health", port: 8080 }
    const run = await Effect.runPromise(Rehearsal.run(canary, input, { answers }))
    expect(run.failures).toMatchObject([{ tag: "SmokeTestFailed", message: expect.stringContaining("error: 502") }])
    // What was started is kept for a rollback in the background.
    expect(run.on("web1").findLast((line) => !line.startsWith("jiji:kept.sh"))).toBe(smoked("/health"))
    expect([run.on("web2"), run.on("web3")]).toEqual([[], []])
  })

  test("rejects an invalid path", async () => {
    expect(await jiji("canary", "--path", "health")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("Expected a path that begins with /")
    })
  })
})

describe("examples/approval", () => {
  test("rehearses without waiting for an approval", async () => {
    const { code, stderr, stdout } = await jiji("approval", "--dry-run")
    expect([code, stderr]).toEqual([0, ""])
    expect(stdout).toContain("docker rename shop-web-next shop-web")
  })

  const remedy = "  → Nothing was changed. Run it again, and answer yes.\n"

  test("asks before it runs anything else", async () => {
    const input = { project: project("approval"), within: Duration.minutes(10) }
    const run = await Effect.runPromise(
      Rehearsal.run(approval, input, { answers: [Answer.when({ on: "local", command: "sh -c" }, Answer.hangs)] })
    )
    expect(run.failures).toMatchObject([{ tag: "NotApproved", message: expect.stringContaining("nobody answered") }])
    expect(run.commands).toHaveLength(1)
  })

  test("changes nothing if the answer is no or nobody can answer", async () => {
    const { child, done } = start("approval", [], "pipe")
    void child.stdin?.write("no\n")
    void child.stdin?.end()
    for (const { code, stderr, stdout } of [await done, await jiji("approval")]) {
      expect([code, stderr]).toEqual([1, `error: The deploy of shop was not approved: refused.\n${remedy}`])
      expect(stdout).toContain("approve: deploy shop to web1? Type yes and press Enter\n")
      expect(stdout).not.toContain("connect")
    }
  })

  test("fails if nobody answers in time", async () => {
    const file = join(examples, "approval/.jiji/nobody-approves")
    const { code, stderr } = await jiji("approval", "--within", "100 millis", "--file", file)
    expect([code, stderr]).toEqual([1, `error: The deploy of shop was not approved: nobody answered.\n${remedy}`])
  })

  test("continues after an approval by input or by a file", async () => {
    const file = readFileSync(join(examples, "approval/.jiji/pipelines/approval.ts"), "utf8")
    using shop = folder({
      ".jiji/pipelines/approval.ts": file,
      // Nothing listens on this port, so the deploy fails at its next step.
      ".jiji/deploy.yml": deployFile("approval").replace("203.0.113.10", "127.0.0.1, port: 1")
    })
    for (const args of [[], ["--file", "approved"]]) {
      const { child, done } = start("approval", args, "pipe", shop.root)
      if (args.length === 0) void child.stdin?.write("yes\n")
      else writeFileSync(join(shop.root, "approved"), "")
      const { code, stdout } = await done
      expect([code, stdout]).toEqual([69, expect.stringMatching(/approve: done in .*web1 connect: FAILED: /s)])
    }
  })

  test("exits immediately on Ctrl-C and leaves no process behind", async () => {
    const { child, done } = start("approval", ["--file", `never-${process.pid}`], "pipe")
    const waiting = () => Bun.spawnSync(["pgrep", "-f", `approval never-${process.pid}$`]).exitCode === 0
    await until(waiting)
    child.kill("SIGINT")
    expect(await done).toMatchObject({ code: 130, stderr: "interrupted: stopping\ninterrupted\n" })
    expect(waiting()).toBe(false)
  })
})

describe("examples/monorepo", () => {
  const build = (service: string) => new RegExp(`^docker build .*/${service}$`)

  test("builds the base before the images that need it, and the others in parallel", async () => {
    const answers = [Answer.when("docker build --tag mono-base", Answer.slow("5 minutes"))]
    const run = await Effect.runPromise(
      Rehearsal.run(Result.getOrThrow(monorepo), { project: project("monorepo") }, { answers })
    )
    expect(run.failures).toEqual([])
    const builds = run.on("local").filter((text) => text.startsWith("docker build"))
    const at = (pattern: RegExp) => builds.findIndex((text) => pattern.test(text))
    expect(builds).toHaveLength(4)
    expect(at(/--tag mono-base/)).toBeLessThan(at(build("api")))
    expect(at(build("web"))).toBeLessThan(at(build("api")))
    expect(at(build("web"))).toBeLessThan(at(build("worker")))
  })

  test("does not build the base if no deployed service needs it", async () => {
    const whole = project("monorepo")
    const input = { project: { ...whole, services: whole.services.filter(({ name }) => name === "web") } }
    const run = await Effect.runPromise(Rehearsal.run(Result.getOrThrow(monorepo), input))
    expect(run.failures).toEqual([])
    const builds = run.on("local").filter((text) => text.startsWith("docker build"))
    expect(builds).toEqual([expect.stringMatching(build("web"))])
  })

  test("starts nothing if the base fails to build", async () => {
    const answers = [Answer.when("docker build --tag mono-base", Answer.fails("no space left on device"))]
    const run = await Effect.runPromise(
      Rehearsal.run(Result.getOrThrow(monorepo), { project: project("monorepo") }, { answers })
    )
    expect(run.failures).toMatchObject([{ tag: "BaseNotBuilt" }])
    expect(run.commands.filter(({ text }) => text.includes("jiji:replace.sh"))).toEqual([])
  })

  test("rehearses with `jiji run`", async () => {
    expect(await jiji("monorepo", "--dry-run")).toMatchObject({ code: 0, stderr: "" })
  })
})
