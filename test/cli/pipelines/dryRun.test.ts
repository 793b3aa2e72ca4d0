import { describe, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { faults } from "../../docs/eventLines.ts"
import { compileFirst } from "../project.ts"
import { deployFile, pipelines } from "./program.ts"

compileFirst()

const file = (body: string, pipe = "") => `import { Effect, FileSystem, Schedule } from "effect"
import { HttpClient, FetchHttpClient } from "effect/http"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { Events, IsDryRun, Machine, Pipeline, Shell, Step } from "jiji"
const step = Step.make("own", Effect.fn(function* () { ${body} }))
export default Pipeline.make("own").pipe(Pipeline.step(step)${pipe})
`

/** Counts the requests of a dry run. */
const withServer = async (use: (url: string) => Promise<void>) => {
  const seen: Array<string> = []
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url }) => (seen.push(url), new Response("ok"))
  })
  try {
    await use(`http://127.0.0.1:${server.port}/`)
    expect(seen).toEqual([])
  } finally {
    await server.stop(true)
  }
}

describe("a dry run has no effects", () => {
  const connections = {
    fetch: (url: string) => `yield* Effect.promise(() => fetch("${url}"))`,
    "a caught fetch": (url: string) => `yield* Effect.ignore(Effect.tryPromise(() => fetch("${url}")))`,
    "a fetch that is retried for hours": (url: string) =>
      `yield* Effect.retry(Effect.tryPromise(() => fetch("${url}")), Schedule.spaced("1 hour"))`,
    HttpClient: (url: string) => `yield* HttpClient.get("${url}").pipe(Effect.provide(FetchHttpClient.layer))`
  }
  test.each(Object.entries(connections))("%s is refused", async (_, body) =>
    withServer(async (url) => {
      using shop = pipelines({ "x.ts": file(body(url)) })
      const { code, stderr, stdout } = shop.jiji(["run", "x.ts", "--dry-run"])
      expect([code, stdout]).toEqual([1, ""])
      expect(stderr).toContain("A dry run cannot simulate fetch")
      expect(stderr).toContain("IsDryRun")
    })
  )

  test("a step reads files, and is refused to write them or to start processes", () => {
    using shop = pipelines({
      "note.txt": "as it is",
      "read.ts": file('yield* Effect.log(yield* (yield* FileSystem.FileSystem).readFileString("note.txt"))'),
      "write.ts": file('yield* Effect.ignore((yield* FileSystem.FileSystem).writeFileString("new.txt", "x"))'),
      "start.ts": file(
        'yield* Effect.ignore((yield* ChildProcessSpawner.ChildProcessSpawner).exitCode(ChildProcess.make("touch", ["new.txt"])))'
      )
    })
    expect(shop.jiji(["run", "read.ts", "--dry-run"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("own/own: as it is\n")
    })
    const written = shop.jiji(["run", "write.ts", "--dry-run"])
    expect(written).toMatchObject({ code: 1, stdout: "" })
    expect(written.stderr).toMatch(
      /^error: A dry run cannot simulate FileSystem\.writeFileString \(at .*write\.ts:5\)\./
    )
    expect(shop.jiji(["run", "start.ts", "--dry-run"]).stderr).toContain("cannot simulate a process outside of `Shell`")
    expect(existsSync(join(shop.root, "new.txt"))).toBe(false)
  })

  test("handlers are not called", () => {
    const handler = ', Pipeline.on("RunSucceeded", () => Effect.sync(() => Bun.spawnSync(["touch", "handled"])))'
    using shop = pipelines({ "x.ts": file("", handler) })
    expect(shop.jiji(["run", "x.ts", "--dry-run"])).toMatchObject({ code: 0, stderr: "" })
    expect(shop.jiji(["run", "x.ts", "--dry-run", "--json"])).toMatchObject({ code: 0, stderr: "" })
    expect(existsSync(join(shop.root, "handled"))).toBe(false)
    expect(shop.jiji(["run", "x.ts"])).toMatchObject({ code: 0 })
    expect(existsSync(join(shop.root, "handled"))).toBe(true)
  })

  test("a step can ask whether it is in one", () => {
    const body =
      "if (yield* IsDryRun) return Step.skip('dry'); yield* Effect.promise(() => fetch('http://127.0.0.1:1/'))"
    using shop = pipelines({ "x.ts": file(body) })
    expect(shop.jiji(["run", "x.ts", "--dry-run"]).code).toBe(0)
    expect(shop.jiji(["run", "x.ts"]).code).toBe(1)
  })

  test("the heading promises no more for code of your own than jiji knows", () => {
    using shop = pipelines({ "x.ts": file("") })
    expect(shop.jiji(["run", "x.ts", "--dry-run"]).stdout).toContain(
      "The steps' own code does run: what it does other than through jiji really happens.\n"
    )
  })
})

interface Line {
  readonly _tag: string
  readonly [key: string]: unknown
}
const linesOf = (stdout: string): ReadonlyArray<Line> =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))

describe("--dry-run --json", () => {
  const secret = deployFile.replace("hosts: [web1, web2]", "hosts: [web1], environment: { secrets: [PASSWORD] }")

  test("prints the events of the run and its commands, in the published schema", () => {
    using shop = pipelines({ ".jiji/deploy.yml": secret, ".env": "PASSWORD=hunter22\n" })
    const { code, stderr, stdout } = shop.jiji(["deploy", "--dry-run", "--json"])
    expect([code, stderr]).toEqual([0, ""])
    expect(faults(stdout)).toEqual([])
    const lines = linesOf(stdout)
    expect(lines[0]).toMatchObject({ _tag: "RunStarted", dryRun: true })
    expect(lines.at(-1)).toMatchObject({ _tag: "RunSucceeded" })
    expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, index) => index + 1))
    const planned = lines.filter(({ _tag }) => _tag.endsWith("Planned"))
    const texts = shop.jiji(["deploy", "--dry-run"]).stdout.match(/^(?: +\d+| {4})  .*$/gm)
    const printed = texts?.map((line) => line.replace(/^ *\d*  (# )?/, "")) ?? []
    expect(planned.flatMap(({ text }) => String(text).split("\n"))).toEqual(printed)
    expect(planned.find(({ script }) => script === "probe")).toMatchObject({
      machine: "web1",
      path: "deploy/connections/servers[web1]/connect",
      words: ["engine=docker", "project=shop"],
      byHand: [["docker", "ps", "--all", "--filter", "label=jiji.project=shop"]],
      stdin: false
    })
    const replace = planned.find(({ script }) => script === "replace")
    expect(replace?.["env"]).toEqual(["JIJI_NAMES", "JIJI_CONFIG", "JIJI_PARTS", "JIJI_LABELS", "JIJI_SECRET_0"])
    expect(replace?.["text"]).toContain(" --env PASSWORD ")
    expect(stdout).not.toContain("hunter22")
    expect(JSON.stringify(replace)).not.toMatch(/jiji\.(config|parts)/)
  })

  test("says that a failed dry run failed", () => {
    using shop = pipelines({ ".jiji/deploy.yml": secret })
    const { code, stderr, stdout } = shop.jiji(["deploy", "--dry-run", "--json"])
    expect([code, stderr]).toEqual([78, expect.stringContaining("PASSWORD")])
    expect(linesOf(stdout).at(-1)).toMatchObject({ _tag: "RunFailed", failures: [{ tag: "SecretsMissing" }] })
  })

  test("marks only dry runs", () => {
    using shop = pipelines({ "x.ts": file("") })
    expect(linesOf(shop.jiji(["run", "x.ts", "--json"]).stdout)[0]).not.toHaveProperty("dryRun")
    const [started] = linesOf(shop.jiji(["run", "x.ts", "--json", "--dry-run"]).stdout)
    expect(started).toMatchObject({ name: "own", dryRun: true })
  })

  test("keeps what a step prints off stdout", () => {
    using shop = pipelines({ "x.ts": file("console.log('by hand')") })
    const { stderr, stdout } = shop.jiji(["run", "x.ts", "--json", "--dry-run"])
    expect([faults(stdout), stderr]).toEqual([[], "by hand\n"])
  })
})
