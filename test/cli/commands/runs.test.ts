import { describe, expect, test } from "bun:test"
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Schema } from "effect"
import { Event } from "../../../src/core/Event.ts"
import { program } from "../../support/program.ts"
import { until } from "../../support/waiting.ts"
import { compileFirst, project } from "../project.ts"

compileFirst()

const files = {
  ".jiji/deploy.yml":
    "project: shop\nservers: { web1: { host: 127.0.0.1 } }\nservices: { web: { build: { context: . }, hosts: [web1] } }\n",
  ".jiji/deploy.staging.yml": "",
  Dockerfile: "FROM scratch\n",
  // Hides the docker of this machine: it comes first in PATH and is not executable.
  "bin/docker": ""
}

/** A project whose deploys fail because there is no engine. */
const failing = () => {
  const shop = project(files)
  const deploy = (...words: ReadonlyArray<string>) =>
    shop.jiji(["deploy", "--version", "v1", ...words], { PATH: join(shop.root, "bin") })
  return Object.assign(shop, { deploy })
}

const isEvent = Schema.is(Event)

describe("jiji runs", () => {
  test("lists runs, newest first, in any folder", () => {
    using shop = failing()
    using elsewhere = project({})
    const runs = (...words: ReadonlyArray<string>) => elsewhere.jiji(["runs", ...words], { HOME: shop.home })
    expect(runs()).toEqual({ code: 0, stdout: "No runs on this machine yet.\n", stderr: "" })
    expect(shop.deploy().code).toBe(69)
    expect(shop.deploy("-e", "staging").code).toBe(69)
    const { code, stderr, stdout } = runs()
    expect([code, stderr]).toEqual([0, ""])
    const [head, first, second, ...rest] = stdout.split("\n")
    expect(head?.split(/ +/)).toEqual([
      "",
      "ID",
      "WHEN",
      "AGO",
      "PROJECT",
      "PIPELINE",
      "ENVIRONMENT",
      "OUTCOME",
      "TIME",
      "BY"
    ])
    expect(first).toMatch(
      /^✗ [0-9a-z]+-[0-9a-z]{4} {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}.* shop +deploy +staging +failed +\d/
    )
    expect(second).toMatch(/ shop +deploy +- +failed /)
    expect(rest).toEqual([""])
    const json = runs("--json", "-n", "1").stdout
    expect(JSON.parse(json)).toMatchObject({
      pipeline: "deploy",
      project: "shop",
      environment: "staging",
      outcome: "failed"
    })
    expect(shop.jiji(["deploy"], { PATH: join(shop.root, "bin"), USER: "me\u009b2J\u202e" }).code).toBe(69)
    const strange = runs("--json", "-n", "1").stdout
    expect(strange).not.toMatch(/[\u009b\u202e]/)
    expect(JSON.parse(strange)).toMatchObject({ who: expect.stringMatching(/^me\u009b2J\u202e@/) })
    for (const count of ["0", "-1", "1.5", "x"]) {
      expect(runs(`--number=${count}`)).toEqual({
        code: 2,
        stdout: "",
        stderr: `error: Invalid value for flag --number: "${count}". Expected: a whole number, 1 or more\n  → See: jiji runs --help\n`
      })
    }
    expect(statSync(join(shop.home, ".local/state/jiji/runs.sqlite")).mode & 0o777).toBe(0o600)
  })

  test("does not list dry runs", () => {
    using shop = failing()
    const before = shop.listing()
    expect(shop.jiji(["deploy", "--dry-run"]).code).toBe(0)
    expect(shop.jiji(["runs"]).stdout).toBe("No runs on this machine yet.\n")
    expect(shop.listing()).toEqual(before)
  })

  test("are stored in XDG_STATE_HOME; if they cannot be, the run only warns", () => {
    using shop = failing()
    const state = join(shop.root, "state")
    const deploy = () =>
      shop.jiji(["deploy", "--version", "v1"], { PATH: join(shop.root, "bin"), XDG_STATE_HOME: state })
    expect(deploy().stderr).not.toContain("warning")
    expect(shop.jiji(["runs"], { XDG_STATE_HOME: state }).stdout).toContain("shop")
    const file = join(state, "jiji/runs.sqlite")
    writeFileSync(file, "something else. ".repeat(100))
    const { code, stderr } = deploy()
    expect(code).toBe(69)
    expect(stderr).toStartWith(
      `warning: Cannot read the run history in ${file}: the file is corrupted (file is not a database).\n  → Move the file away: the next run starts a new one.\nerror: docker cannot be started`
    )
    expect(shop.jiji(["runs"], { XDG_STATE_HOME: state })).toMatchObject({ code: 1, stdout: "" })
  })
})

describe("jiji runs show", () => {
  test("shows the steps of a run, the failure and its remedy", () => {
    using shop = failing()
    shop.deploy()
    const { code, stderr, stdout } = shop.jiji(["runs", "show"])
    expect([code, stderr]).toEqual([0, ""])
    const lines = stdout.split("\n").map((line) => line.replace(/^ +\+\d+\.\ds {2}/, ""))
    expect(lines[0]).toMatch(/^✗ deploy of shop failed after \d+/)
    expect(lines[1]).toMatch(/^ {2}[0-9a-z]+-[0-9a-z]{4}, \d{4}-.*, just now, by .+@.+$/)
    expect(stdout).toMatch(/- login +the registry is local\n/)
    expect(stdout).toMatch(/✗ build +\d+ ms\n +docker cannot be started on this machine: [^\n]*\n +→ /)
  })

  test("prints the events with --json, one per line", () => {
    using shop = failing()
    shop.deploy()
    const lines = shop.jiji(["runs", "show", "--json"]).stdout.trimEnd().split("\n")
    const events: ReadonlyArray<unknown> = lines.map((line) => JSON.parse(line))
    expect(events.every(isEvent)).toBe(true)
    expect(events.at(0)).toMatchObject({ _tag: "RunStarted" })
    expect(events.at(-1)).toMatchObject({ _tag: "RunFailed" })
  })

  test("finds a run by the start of its ID, and reports an ID that is unknown or ambiguous", () => {
    using shop = failing()
    expect(shop.jiji(["runs", "show"])).toMatchObject({ code: 2, stdout: "" })
    shop.deploy()
    shop.deploy()
    const [second = "", first = ""] = shop
      .jiji(["runs", "--json"])
      .stdout.trim()
      .split("\n")
      .map((line) => JSON.parse(line).id)
    const show = (id: string) => shop.jiji(["runs", "show", id])
    expect(show(first).stdout).toContain(first)
    expect(show(first.slice(0, -2)).stdout).toContain(first)
    expect(show(second.toUpperCase()).stdout).toContain(second)
    const { code, stderr } = show(first.slice(0, 1))
    expect(code).toBe(2)
    expect(stderr).toBe(
      `error: The IDs of 2 runs start with "${first.slice(0, 1)}": ${second}, ${first}.\n  → Type more characters of the ID.\n`
    )
    const wrong = `${second.slice(0, -1)}_`
    expect(show(wrong)).toEqual({
      code: 2,
      stdout: "",
      stderr: `error: No run in the history has an ID that starts with "${wrong}".\n  → Did you mean ${second}? \`jiji runs\` lists all runs.\n`
    })
    expect(show("zzz").stderr).toEndWith("  → `jiji runs` lists all runs.\n")
  })

  test("overwrites its own page, and no other file", () => {
    using shop = failing()
    shop.deploy()
    const html = (file: string) => shop.jiji(["runs", "show", "--html", file])
    const file = join(shop.root, "run.html")
    expect(html("run.html")).toEqual({ code: 0, stdout: "run.html\n", stderr: "" })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const page = readFileSync(file, "utf8")
    chmodSync(file, 0o664)
    expect(page).toContain("<title>deploy of shop: failed after ")
    expect(html("run.html").code).toBe(0)
    expect(statSync(file).mode & 0o777).toBe(0o664)
    expect(html("-").stdout).toBe(page)
    writeFileSync(file, "<!doctype html>\nmine")
    expect(html("run.html")).toMatchObject({ code: 2, stdout: "" })
    expect(readFileSync(file, "utf8")).toBe("<!doctype html>\nmine")
    mkdirSync(join(shop.root, "folder"))
    expect(html("folder")).toMatchObject({ code: 2, stdout: "" })
    expect(Bun.spawnSync(["mkfifo", join(shop.root, "pipe")]).exitCode).toBe(0)
    expect(html("pipe")).toMatchObject({ code: 2, stdout: "" })
    expect(html("nowhere/run.html")).toEqual({
      code: 1,
      stdout: "",
      stderr:
        "error: Cannot write the page of the run to nowhere/run.html: the folder nowhere does not exist.\n" +
        "  → Choose a file in an existing folder that your user may write to, or `-` for standard output.\n"
    })
    expect(shop.jiji(["runs", "show", "--html", "-", "--json"])).toMatchObject({ code: 2, stdout: "" })
    expect(shop.listing().filter((line) => line.includes(".tmp"))).toEqual([])
  })
})

test("shows a run as running while its process lives, then its outcome, or that it stopped unexpectedly", async () => {
  // A server that takes connections and says nothing, and an engine that works for long.
  using silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } })
  const server = `{ host: 127.0.0.1, port: ${silent.port} }`
  using shop = project({
    ".jiji/deploy.yml": `project: shop\nservers: { web1: ${server} }\nservices: { web: { image: "redis:7", hosts: [web1] } }\n`
  })
  const outcome = (): unknown => {
    const [last = "{}"] = shop.jiji(["runs", "--json", "-n", "1"]).stdout.split("\n")
    return last === "" ? undefined : JSON.parse(last).outcome
  }
  for (const [signal, end] of [
    ["SIGINT", "interrupted"],
    ["SIGKILL", "lost"]
  ] as const) {
    const run = Bun.spawn([program, "deploy", "--version", "v1"], {
      cwd: shop.root,
      env: shop.env,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore"
    })
    try {
      await until(outcome, (now) => now === "running")
    } finally {
      run.kill(signal)
    }
    await run.exited
    expect(outcome()).toBe(end)
  }
  expect(shop.jiji(["runs", "show"]).stdout).toStartWith("? deploy of shop stopped unexpectedly after ")
}, 60_000)
