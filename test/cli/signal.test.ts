import { describe, expect, test } from "bun:test"
import { program } from "../support/program.ts"
import { until } from "../support/waiting.ts"
import { compileFirst, project } from "./project.ts"

compileFirst()

const files = {
  ".jiji/deploy.yml":
    'project: shop\nservers: { web1: { host: 127.0.0.1 } }\nservices: { web: { image: "nginx:1", hosts: [web1] } }\n',
  ".jiji/pipelines/release.ts": `
import { Effect, Schema } from "effect"
import { Events, Pipeline, Step } from "jiji"

const tag = Schema.Struct({ tag: Schema.String })
const ship = Step.make("ship", ({ approved }: { readonly approved: typeof tag.Type }) =>
  Effect.flatMap(Events, ({ publish }) => publish({ _tag: "StepNoted", level: "info", text: "shipped " + approved.tag }))
)
export default Pipeline.make("release").pipe(
  Pipeline.step(Step.waitFor("approved", { schema: tag, within: "1 hour", dryRun: { tag: "v0" } })),
  Pipeline.step(Step.sleep("bake", "20 millis")),
  Pipeline.step(ship)
)
`
}

const makeShop = () => {
  const shop = project(files)
  const runs = (): ReadonlyArray<{ readonly id: string; readonly outcome: string }> =>
    shop
      .jiji(["runs", "--json"])
      .stdout.split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line))
  const start = () =>
    Bun.spawn([program, "run", "release"], {
      cwd: shop.root,
      env: shop.env,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe"
    })
  const signal = (...words: ReadonlyArray<string>) => shop.jiji(["signal", ...words])
  /** Waits until a run waits for its signal. Returns its ID. */
  const waiting = () =>
    until(
      () => runs().find(({ id, outcome }) => outcome === "running" && isWaiting(id))?.id ?? "",
      (id) => id !== ""
    )
  const isWaiting = (id: string) => shop.jiji(["runs", "show", id]).stdout.includes(`jiji signal ${id} approved`)
  return Object.assign(shop, { runs, start, signal, waiting })
}

describe("jiji signal", () => {
  test("lets a run go on that waits, with a value that fits", async () => {
    using shop = makeShop()
    const running = shop.start()
    const id = await shop.waiting()
    expect(shop.signal(id, "aproved")).toMatchObject({
      code: 0,
      stdout: `Sent aproved to run ${id}; no step waits for it now.\n`
    })
    expect(shop.signal(id, "approved", "{tag:v1}")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("is not JSON")
    })
    expect(shop.signal(id, "approved", "3", "--by", "bob")).toMatchObject({
      code: 0,
      stdout: `Sent approved to run ${id}.\n`
    })
    expect(shop.signal(id.slice(0, 8), "approved", '{"tag":"v1"}', "--by", "ann").code).toBe(0)
    expect(await running.exited).toBe(0)
    const output = await new Response(running.stdout).text()
    expect(output).toContain("approved: warning: refused approved by bob:")
    expect(output).toContain("approved: approved by ann\n")
    expect(output).toContain("ship: shipped v1\n")
    expect(shop.signal(id, "approved")).toMatchObject({ code: 2, stderr: expect.stringContaining("has succeeded") })
  })

  test("is found by the run that goes on, if it was sent while nothing ran", async () => {
    using shop = makeShop()
    const running = shop.start()
    const id = await shop.waiting()
    running.kill("SIGINT")
    expect(await running.exited).toBe(130)
    const sent = shop.signal(id, "approved", '{"tag":"v2"}')
    expect(sent.stdout).toBe(
      `Sent approved to run ${id}; it is not running, and finds the signal when you resume it: jiji resume ${id}\n`
    )
    expect(shop.jiji(["resume"])).toMatchObject({ code: 0, stdout: expect.stringContaining("ship: shipped v2\n") })
  })

  test("is not needed by a dry run", () => {
    using shop = makeShop()
    expect(shop.jiji(["run", "release", "--dry-run"])).toMatchObject({ code: 0 })
    const { stdout } = shop.jiji(["run", "release", "--dry-run", "--json"])
    expect(stdout).toContain("would wait for approved")
    expect(stdout).toContain("would wait 20ms")
    expect(stdout).toContain("shipped v0")
  })

  test("fails if there is no such run", () => {
    using shop = makeShop()
    expect(shop.signal("m", "approved")).toMatchObject({ code: 2, stderr: expect.stringContaining("is empty") })
  })
})
