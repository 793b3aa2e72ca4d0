import { describe, expect, test } from "bun:test"
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { program } from "../support/program.ts"
import { until } from "../support/waiting.ts"
import { compileFirst, project } from "./project.ts"

compileFirst()

const release = (steps = "") => `
import { Effect, Schema } from "effect"
import { Pipeline, Runnable, Step } from "jiji"
import { appendFileSync, existsSync } from "node:fs"
import { join } from "node:path"

const folder = join(import.meta.dir, "../..")
const log = (line: string) => appendFileSync(join(folder, "log"), line + "\\n")
const build = Step.make("build", ({ tag }: { readonly tag: string }) => Effect.sync(() => (log("build " + tag), { image: "image " + tag })), {
  result: Schema.Struct({ image: Schema.String })
})
const ship = Step.make("ship", ({ image }: { readonly image: string }) => Effect.suspend(() => {
  log("ship " + image)
  if (existsSync(join(folder, "hang"))) return Effect.sleep("1 hour")
  return existsSync(join(folder, "repaired")) ? Effect.void : Effect.fail({ _tag: "Down", message: "It is down.", remedy: "Wait.", exitCode: 1 })
}))
export default Runnable.make({
  description: "Release",
  flags: Schema.Struct({ tag: Schema.String }),
  pipeline: Pipeline.make<{ readonly tag: string }>("release").pipe(Pipeline.step(build), ${steps}Pipeline.step(ship))
})
`

const deployYml = (port: string) =>
  `project: shop\nservers: { web1: { host: 127.0.0.1 } }\nservices: { web: { image: "nginx:1", hosts: [web1], ports: ["${port}:80"] } }\n`

const makeShop = () => {
  const shop = project({ ".jiji/deploy.yml": deployYml("8080"), ".jiji/pipelines/release.ts": release() })
  const file = (name: string) => join(shop.root, name)
  const runs = (): ReadonlyArray<{ id: string; outcome: string; resumes?: string }> =>
    shop
      .jiji(["runs", "--json"])
      .stdout.split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line))
  return Object.assign(shop, {
    log: () => (existsSync(file("log")) ? readFileSync(file("log"), "utf8").trim().split("\n") : []),
    write: (name: string, text = "") => writeFileSync(file(name), text),
    remove: (name: string) => rmSync(file(name)),
    runs,
    last: () => runs()[0]?.id ?? "",
    release: () => shop.jiji(["run", "release", "--tag", "v1"]),
    start: (args: ReadonlyArray<string>) =>
      Bun.spawn([program, ...args], { cwd: shop.root, env: shop.env, stdin: "ignore", stdout: "pipe", stderr: "pipe" })
  })
}

describe("jiji resume", () => {
  test("goes on with a failed run where it stopped, with its flags", () => {
    using shop = makeShop()
    expect(shop.release().code).toBe(1)
    const first = shop.last()
    shop.write("repaired")
    const { code, stderr, stdout } = shop.jiji(["resume"])
    expect([code, stderr]).toEqual([0, ""])
    expect(stdout).toContain("  build: done before\n")
    expect(stdout).toContain("1 step was done before and did not run again\n")
    expect(shop.log()).toEqual(["build v1", "ship image v1", "ship image v1"])
    expect(shop.runs().map(({ outcome, resumes }) => [outcome, resumes])).toEqual([
      ["succeeded", first],
      ["failed", undefined]
    ])
    expect(shop.jiji(["runs", "show"]).stdout).toContain(`resumes ${first}`)
    const again = shop.jiji(["resume"])
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("no run of shop to resume")])
    const old = shop.jiji(["resume", first])
    expect([old.code, old.stderr]).toEqual([2, expect.stringContaining(`was resumed before, as run ${shop.last()}`)])
  })

  test("goes on with a killed run, from any folder, and again with the run that has resumed it", async () => {
    using shop = makeShop()
    using elsewhere = project({})
    shop.write("hang")
    const killed = shop.start(["run", "release", "--tag", "v2"])
    await until(() => shop.log().length === 2)
    killed.kill("SIGKILL")
    await killed.exited
    shop.remove("hang")
    const id = shop.last()
    const resume = (id: string) => elsewhere.jiji(["resume", id.slice(0, 12), "--json"], { HOME: shop.home })
    const { code, stdout } = resume(id)
    expect(code).toBe(1)
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
    expect(events[0]).toMatchObject({ _tag: "RunStarted", resumes: id })
    expect(events).toContainEqual(
      expect.objectContaining({
        _tag: "StepSucceeded",
        path: "release/build",
        result: { image: "image v2" },
        resumed: true
      })
    )
    shop.write("repaired")
    expect(resume(shop.last()).code).toBe(0)
    expect(shop.log()).toEqual(["build v2", "ship image v2", "ship image v2", "ship image v2"])
  })

  test("refuses a run that is still running, and the second of two resumes", async () => {
    using shop = makeShop()
    shop.write("hang")
    const first = shop.start(["run", "release", "--tag", "v1"])
    await until(() => shop.log().length === 2)
    const id = shop.last()
    expect(shop.jiji(["resume", id])).toMatchObject({ code: 2, stderr: expect.stringContaining("it is still running") })
    first.kill("SIGKILL")
    await first.exited
    const both = [shop.start(["resume", id]), shop.start(["resume", id])]
    // One of them is refused; the other hangs.
    const refused = await Promise.race(both.map(async (each) => ({ each, code: await each.exited })))
    expect(refused.code).toBe(2)
    expect(await new Response(refused.each.stderr).text()).toMatch(/another process is resuming it|was resumed before/)
    await until(() => shop.log().length === 3)
    for (const each of both) each.kill("SIGKILL")
    await Promise.all(both.map(({ exited }) => exited))
    expect(shop.log()).toEqual(["build v1", "ship image v1", "ship image v1"])
  })

  test("refuses a run whose project or pipeline has changed, unless told to ignore that", () => {
    using shop = makeShop()
    shop.release()
    shop.write(".jiji/deploy.yml", deployYml("8081"))
    const steps = 'Pipeline.step(Step.make("smoke", () => Effect.void)), '
    shop.write(".jiji/pipelines/release.ts", release(steps))
    const { code, stderr } = shop.jiji(["resume"])
    expect(code).toBe(2)
    expect(stderr).toContain(
      "the configuration (services.web.ports[0]) and the pipeline (added release/smoke) has changed"
    )
    expect(stderr).toContain("--ignore-changes")
    shop.write("repaired")
    expect(shop.jiji(["resume", "--ignore-changes"]).code).toBe(0)
    expect(shop.log()).toEqual(["build v1", "ship image v1", "ship image v1"])
  })

  test("`jiji run PIPELINE --resume` goes on with the last run of that pipeline", () => {
    using shop = makeShop()
    const nothing = shop.jiji(["run", "release", "--resume"])
    expect([nothing.code, nothing.stderr]).toEqual([2, expect.stringContaining("no release run of shop to resume")])
    shop.release()
    shop.write("repaired")
    const conflict = shop.jiji(["run", "release", "--resume", "--tag", "v2"])
    expect([conflict.code, conflict.stderr]).toEqual([
      2,
      expect.stringContaining("--resume and --tag cannot be used together")
    ])
    expect(shop.jiji(["run", "release", "--resume"]).code).toBe(0)
    expect(shop.log()).toEqual(["build v1", "ship image v1", "ship image v1"])
  })

  test("says of a run that no command can go on with it", () => {
    using shop = makeShop()
    expect(shop.jiji(["rollback"]).code).not.toBe(0)
    const { code, stderr } = shop.jiji(["resume", shop.last()])
    expect([code, stderr]).toEqual([2, expect.stringContaining("its command cannot be resumed")])
  })
})
