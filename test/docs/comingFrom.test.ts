import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { pipelines } from "../cli/pipelines/program.ts"
import { compileFirst } from "../cli/project.ts"
import { program } from "../support/program.ts"
import { until } from "../support/waiting.ts"

compileFirst()

const root = join(import.meta.dir, "../..")
const read = (name: string) => readFileSync(join(root, name), "utf8")
const sample = (page: string) => /^```ts\n(.*?)^```$/ms.exec(read(page))?.[1] ?? ""

/** A project with the pipeline of a page. `hurry` shortens its pauses. */
const shopWith = (page: string, name: string, hurry = (code: string) => code) =>
  pipelines({ [`.jiji/pipelines/${name}.ts`]: hurry(sample(page)) })
type Shop = ReturnType<typeof shopWith>

const start = (shop: Shop, ...args: ReadonlyArray<string>) => {
  const child = Bun.spawn([program, "run", ...args], {
    cwd: shop.root,
    env: shop.env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore"
  })
  return { child, result: Promise.all([child.exited, child.stdout.text()]) }
}

/** Waits until the project's last run waits for a signal, and returns its ID. It is another one than `earlier`. */
const waiting = (shop: Shop, signal: string, earlier = "") =>
  until(
    () => new RegExp(`jiji signal (\\S+) ${signal}`).exec(shop.jiji(["runs", "show"]).stdout)?.[1] ?? "",
    (id) => id !== "" && id !== earlier
  )

describe("docs/from-github-actions.md", () => {
  test("shows the pipeline of examples/actions, and counts the lines of its workflow", () => {
    expect(sample("docs/from-github-actions.md")).toBe(
      `// .jiji/pipelines/release.ts\n${read("examples/actions/.jiji/pipelines/release.ts")}`
    )
    const lines = read("examples/actions/before.yml").trimEnd().split("\n").length
    expect(read("docs/from-github-actions.md")).toContain(`fails: ${lines} lines.`)
  })
})

describe("docs/from-temporal.md", () => {
  test("shows a pipeline that waits for an approval, and then announces the database", async () => {
    using shop = shopWith("docs/from-temporal.md", "trial")
    const { result } = start(shop, "trial", "--name", "acme")
    const id = await waiting(shop, "approved")
    expect(shop.jiji(["signal", id, "approved", '{"until":"Friday"}', "--by", "ann"]).code).toBe(0)
    const [code, stdout] = await result
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /created acme.*loaded data into postgres:.*postgres:\/\/db\.internal\/acme is there until Friday/s
    )
    expect(stdout).not.toContain("dropped")
  }, 60_000)

  test("undoes its steps if it is interrupted, and after a kill goes on where it was", async () => {
    using shop = shopWith("docs/from-temporal.md", "trial")
    const killed = start(shop, "trial", "--name", "acme")
    const id = await waiting(shop, "approved")
    killed.child.kill("SIGKILL")
    await killed.result
    const { result, child } = start(shop, "trial", "--resume")
    await waiting(shop, "approved", id)
    child.kill("SIGINT")
    const [code, stdout] = await result
    expect(code).toBe(130)
    expect(stdout).not.toContain("created acme")
    expect(stdout).toContain("dropped acme")
  }, 60_000)
})

describe("docs/from-inngest.md", () => {
  test("shows a pipeline that waits, rests and publishes", async () => {
    using shop = shopWith("docs/from-inngest.md", "import-catalog", (code) => code.replace('"1 hour"', '"20 millis"'))
    const { result } = start(shop, "import-catalog", "--url", "https://files.example.com/7.csv")
    const id = await waiting(shop, "checked")
    expect(shop.jiji(["signal", id, "checked"]).code).toBe(0)
    const [code, stdout] = await result
    expect(code).toBe(0)
    expect(stdout).toMatch(/read https:.*stored 120 rows.*rest.*published https:/s)
  }, 60_000)

  test("starts a run by a request that fits the API", () => {
    const [, body = ""] = /-d '(.*?)'/s.exec(read("docs/from-inngest.md")) ?? []
    expect(Object.keys(JSON.parse(body))).toEqual(["project", "pipeline", "input", "once"])
  })
})
