import { describe, expect, test } from "bun:test"
import { program } from "../../support/program.ts"
import { compileFirst } from "../project.ts"
import { deployFile, pipelines, smoke } from "./program.ts"

compileFirst()

const files = { ".jiji/pipelines/smoke.ts": smoke }

describe("jiji run", () => {
  test("--help lists the flags from the file's schema and those of jiji deploy", () => {
    using shop = pipelines(files)
    const { code, stderr, stdout } = shop.jiji(["run", "smoke", "--help"])
    expect([code, stderr]).toEqual([0, ""])
    const lines = stdout.split("\n").map((line) => line.trim().replaceAll(/ {2,}/g, "  "))
    expect(lines.slice(0, 5)).toEqual([
      "DESCRIPTION",
      "Asks every server for a page",
      "",
      "USAGE",
      "jiji run smoke [flags]"
    ])
    expect(lines).toContain("--smoke-path STRING  The page that is asked for (required)")
    expect(lines).toContain("--tries INTEGER  (a value between 1 and 9; default: 3)")
    expect(lines).toContain('--within DURATION  (such as "10 minutes"; optional)')
    expect(lines).toContain("--method CHOICE  (default: GET; choices: GET, HEAD)")
    expect(lines).toContain("--quiet  Says nothing (default: false)")
    expect(lines).toContain("--header STRING  (can be repeated)")
    for (const flag of ["--dry-run", "--json", "--environment, -e", "--config, -c", "--hosts, -H", "--services, -S"]) {
      expect(stdout).toContain(`  ${flag}`)
    }
  })

  test("accepts a duration as deploy.yml does, and its help has an example", () => {
    using shop = pipelines({
      "x.ts": `import { Effect, Schema } from "effect"
import { Machine, Pipeline, Runnable, Shell, Step } from "jiji"
const flags = Schema.Struct({
  within: Runnable.duration.pipe(Schema.withDecodingDefaultKey(Effect.succeed("10m"))).annotateKey({
    description: "How long it waits"
  }),
  loud: Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(true)))
})
const say = Step.make("say", ({ loud, within }: typeof flags.Type) =>
  Effect.flatMap(Shell, (shell) => shell.run(Machine.local, { words: ["say", String(within), String(loud)] }))
)
export default Runnable.make({
  description: "x",
  flags,
  pipeline: Pipeline.make<typeof flags.Type>("x").pipe(Pipeline.step(say))
})`
    })
    const run = (...args: ReadonlyArray<string>) => shop.jiji(["run", "x.ts", ...args])
    const { stdout } = run("--help")
    expect(stdout).toContain('How long it waits (such as "10 minutes"; default: 10 minutes)')
    expect(stdout).toContain("(default: true; --no-loud turns it off)")
    expect(run("--within", "30s", "--no-loud", "--dry-run").stdout).toContain("say '30000 millis' false")
    expect(run("--within", "1 hour 30 min", "--dry-run").stdout).toContain("say '5400000 millis' true")
    expect(run("--within", "soon").stderr).toStartWith(
      'error: Invalid value for flag --within: "soon". Expected a duration such as 500ms, 10s, 1m30s, 2h or "10 minutes"\n'
    )
  })

  test("prints defaults in the form that can be typed, and no escape sequence", () => {
    using shop = pipelines({
      "x.ts": `import { Effect, Schema } from "effect"
import { Pipeline, Runnable } from "jiji"
export default Runnable.make({
  description: "\\x1b[31mred",
  flags: Schema.Struct({
    within: Schema.DurationFromString.pipe(Schema.withDecodingDefaultKey(Effect.succeed("10 minutes"))),
    note: Schema.String.annotateKey({ description: "\\x1b[31mred" })
  }),
  pipeline: Pipeline.make("x")
})`
    })
    const { stdout } = shop.jiji(["run", "x.ts", "--help"])
    expect(stdout).toContain('--within DURATION         (such as "10 minutes"; default: 10 minutes)')
    expect(stdout).toMatch(/--note STRING +red \(required\)/)
    expect(stdout).not.toContain("\u001b[31m")
  })

  test("prints in a dry run what the file would run on each machine, with its flags decoded", () => {
    using shop = pipelines(files)
    const flags = ["--smoke-path", "/up", "--within=2 seconds", "--quiet", "--header", "a", "--header", "b"]
    expect(shop.jiji(["run", ".jiji/pipelines/smoke.ts", ...flags, "--method", "HEAD", "--dry-run"])).toEqual({
      code: 0,
      stdout: `Dry run: run .jiji/pipelines/smoke.ts for shop on 2 servers, as if nothing ran there yet.
jiji runs no command, opens no connection and calls no event handlers. IDs, digests and addresses are placeholders.
The steps' own code does run: what it does other than through jiji really happens.

on web1 (203.0.113.10):
   1  # open the SSH connection
   2  curl 3 HEAD true '2000 millis' a b /up

on web2 (203.0.113.11):
   3  # open the SSH connection
   4  curl 3 HEAD true '2000 millis' a b /up
`,
      stderr: ""
    })
  })

  test("says in a dry run that no command would run", () => {
    using shop = pipelines({
      "x.ts": 'import { Pipeline } from "jiji"\nexport default Pipeline.make("x")\n'
    })
    expect(shop.jiji(["run", "x.ts", "--dry-run"]).stdout).toEndWith("really happens.\n\nNo command would run.\n")
  })

  test("prints in a dry run what steps log", () => {
    using shop = pipelines({
      "x.ts": `import { Effect } from "effect"
import { Pipeline, Step } from "jiji"
export default Pipeline.make("x").pipe(Pipeline.step(Step.make("s", () => Effect.log("a\\nb"))))
`
    })
    const { stderr, stdout } = shop.jiji(["run", "x.ts", "--dry-run"])
    expect(stdout).toEndWith("\nlogged by steps:\n  x/s: a b\n")
    expect(stderr).toBe("")
  })

  test("accepts the flags that select servers, services, an environment or another deploy file", () => {
    using shop = pipelines({
      ...files,
      ".jiji/deploy.staging.yml": "servers: { web2: { host: 198.51.100.7 } }\n",
      "other.yml": deployFile.replace("203.0.113.10", "192.0.2.1")
    })
    const run = (...args: ReadonlyArray<string>) =>
      shop.jiji(["run", "smoke", "--smoke-path", "/", "--dry-run", ...args]).stdout
    expect(run("-H", "web2")).not.toContain("web1")
    expect(run("-e", "staging")).toContain("on web2 (198.51.100.7)")
    expect(run("-c", "other.yml")).toContain("on web1 (192.0.2.1)")
    expect(shop.jiji(["run", "smoke", "--smoke-path", "/", "-S", "nope"])).toMatchObject({ code: 2 })
  })

  test("prints JSON events, and exits with the outcome of the run", () => {
    using shop = pipelines({
      "fail.ts": `import { Effect } from "effect"
import { Pipeline, Step } from "jiji"
export default Pipeline.make("fails").pipe(Pipeline.step(Step.make("now", () => Effect.fail(new Error("by will")))))`
    })
    const { code, stderr, stdout } = shop.jiji(["run", "fail.ts", "--json"])
    const events = stdout
      .trim()
      .split("\n")
      .map((line): unknown => JSON.parse(line))
    expect(events.at(0)).toMatchObject({ _tag: "RunStarted", name: "fails" })
    expect(events.at(-1)).toMatchObject({ _tag: "RunFailed", failures: [{ message: "by will" }] })
    expect([code, stderr]).toEqual([1, expect.stringContaining("error: by will\n")])
    const dry = shop.jiji(["run", "fail.ts", "--json", "--dry-run"])
    expect(dry).toMatchObject({ code: 1, stdout: expect.stringContaining('"RunFailed"') })
  })

  test("runs the deploy pipeline if a file exports it", () => {
    using shop = pipelines({ "mine.ts": 'export { deploy as default } from "jiji"\n' })
    const [, ...mine] = shop.jiji(["run", "./mine.ts", "--dry-run"]).stdout.split("\n\n")
    const [, ...theirs] = shop.jiji(["deploy", "--dry-run"]).stdout.split("\n\n")
    expect(mine).toEqual(theirs)
    expect(mine.join("\n\n")).toContain("docker rename shop-web-next shop-web")
  })

  test("finds a pipeline by name from a subfolder, and a file by path without any node_modules", () => {
    using shop = pipelines({ ...files, "src/deep/keep": "" })
    using elsewhere = pipelines({ "there/smoke.ts": smoke })
    const args = ["--smoke-path", "/", "--dry-run"]
    const { exitCode } = Bun.spawnSync([program, "run", "smoke", ...args], {
      cwd: `${shop.root}/src/deep`,
      env: shop.env
    })
    expect(exitCode).toBe(0)
    expect(shop.jiji(["run", `${elsewhere.root}/there/smoke.ts`, ...args])).toMatchObject({ code: 0, stderr: "" })
  })
})

describe("invalid flags", () => {
  const wrong = (name: string, args: ReadonlyArray<string>, text: string) =>
    test(name, () => {
      using shop = pipelines(files)
      expect(shop.jiji(["run", "smoke", ...args])).toEqual({
        code: 2,
        stdout: "",
        stderr: `error: ${text}\n  → See: jiji run smoke --help\n`
      })
    })
  const needed = ["--smoke-path", "/"]
  wrong("a missing required flag", [], "Missing required flag: --smoke-path")
  wrong(
    "an unknown flag, with a suggestion",
    ["--smoke-pth", "/"],
    "Unrecognized flag: --smoke-pth in command jiji run smoke\n\n  Did you mean this?\n    --smoke-path"
  )
  wrong(
    "a number that does not parse",
    [...needed, "--tries", "x"],
    'Invalid value for flag --tries: "x". Expected a string representing a finite number'
  )
  wrong(
    "a number that the schema rejects",
    [...needed, "--tries", "10"],
    'Invalid value for flag --tries: "10". Expected a value between 1 and 9'
  )
  wrong(
    "a string that cannot be decoded",
    [...needed, "--within", "soon"],
    'Invalid value for flag --within: "soon". Expected a duration, such as "10 minutes"'
  )
  wrong(
    "a value that is not one of the choices",
    [...needed, "--method", "PUT"],
    'Invalid value for flag --method: "PUT". Expected: "GET" | "HEAD"'
  )
  wrong(
    "several errors, all at once",
    ["--tries", "10", "--method", "PUT", "--within", "soon"],
    `Missing required flag: --smoke-path
error: Invalid value for flag --tries: "10". Expected a value between 1 and 9
error: Invalid value for flag --within: "soon". Expected a duration, such as "10 minutes"
error: Invalid value for flag --method: "PUT". Expected: "GET" | "HEAD"`
  )
  wrong("an extra argument", [...needed, "more"], 'Unexpected positional argument: "more"')

  test("flags before the name of the pipeline", () => {
    using shop = pipelines(files)
    for (const args of [[], ["-e", "staging", "smoke"], ["--dry-run", "smoke"]]) {
      expect(shop.jiji(["run", ...args])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("error: The first argument of `jiji run` must be the name of a pipeline.\n")
      })
    }
  })
})
