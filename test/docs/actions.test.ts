import { describe, expect, test } from "bun:test"
import { Effect, Schema } from "effect"
import { accessSync, constants, readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { release } from "../../examples/actions/.jiji/pipelines/release.ts"
import { Answer, Rehearsal } from "../../src/testing/index.ts"
import { compileFirst, project as folder } from "../cli/project.ts"
import { program } from "../support/program.ts"

compileFirst()

const example = join(import.meta.dir, "../../examples/actions")
const read = (name: string) => readFileSync(join(example, name), "utf8")
const project = Rehearsal.project(read(".jiji/deploy.yml"))
const secrets = { GITHUB_TOKEN: "token", DATABASE_URL: "postgres://db", SLACK_WEBHOOK: "https://hooks.example.com/x" }
const rehearse = (answers: ReadonlyArray<ReturnType<typeof Answer.when>> = []) =>
  Effect.runPromise(Rehearsal.run(release, { project, isFullDeploy: true }, { answers, secrets }))

describe("examples/actions", () => {
  test("is shorter than 40 lines, and than the workflow", () => {
    const lines = (name: string) => read(name).trimEnd().split("\n").length
    expect(lines(".jiji/pipelines/release.ts")).toBeLessThan(40)
    expect(lines(".jiji/pipelines/release.ts")).toBeLessThan(lines("before.yml"))
  })

  test("compares with a workflow that has the jobs it names", () => {
    const Workflow = Schema.Struct({ jobs: Schema.Record(Schema.String, Schema.Unknown) })
    const { jobs } = Schema.decodeUnknownSync(Workflow)(parse(read("before.yml")))
    expect(Object.keys(jobs)).toEqual(["test", "build", "deploy", "notify"])
  })

  test("checks, builds, pushes and deploys, in this order", async () => {
    const run = await rehearse()
    expect(run.failures).toEqual([])
    const local = run.on("local").map((text) => text.split(" ").slice(0, 3).join(" "))
    expect(local[0]).toBe("bun install --frozen-lockfile")
    expect(local.slice(1, 3).toSorted()).toEqual(["bun run test", "bun run typecheck"])
    expect(local.findIndex((text) => text.startsWith("docker build"))).toBeGreaterThan(2)
    expect(run.on("local").some((text) => /push/.test(text))).toBe(true)
    expect(run.on("web1").some((text) => text.includes("jiji:replace.sh") || text.includes("docker create"))).toBe(true)
  })

  test("builds and deploys nothing if a check fails", async () => {
    const run = await rehearse([Answer.when("bun run test", Answer.fails("1 fail"))])
    expect(run.failures).toMatchObject([{ tag: "CheckFailed", message: "`bun run test` failed." }])
    expect(run.on("local").filter((text) => text.startsWith("docker"))).toEqual([])
    expect(run.on("web1")).toEqual([])
  })

  test("rehearses as its README says, and lists the hook that tells of a failure", async () => {
    const { env, [Symbol.dispose]: remove } = folder({})
    const child = Bun.spawn([program, "run", "release", "--dry-run"], {
      cwd: example,
      env: { ...env, ...secrets },
      stdout: "pipe",
      stderr: "pipe"
    })
    const [code, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()])
    remove()
    expect([code, stderr]).toEqual([0, ""])
    expect(stdout).toContain("bun run typecheck")
    expect(stdout).toMatch(/hooks.*slack.*run\.failed/s)
    accessSync(join(example, ".jiji/slack.sh"), constants.X_OK)
  })
})
