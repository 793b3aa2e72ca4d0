import { describe, expect, test } from "bun:test"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { Effect, Stream } from "effect"
import type { Event, EventBody } from "../../../src/core/Event.ts"
import { recorder } from "../../../src/record/recorder.ts"
import { compileFirst, project } from "../project.ts"

compileFirst()

interface Deployed {
  readonly server: string
  readonly version: string
  readonly digest?: string
  readonly because?: ReadonlyArray<string>
}

interface Run {
  readonly id: string
  readonly began: number
  readonly servers: ReadonlyArray<string>
  readonly deployed: ReadonlyArray<Deployed>
  readonly environment?: string
  /** Milliseconds of the step `images`. */
  readonly build?: number
  readonly failure?: string
}

const hour = 3_600_000
const start = Date.UTC(2026, 10, 29, 12)

const digestOf = (version: string) => `sha256:${Bun.hash(version).toString(16).padStart(16, "0").repeat(4)}`

const eventsOf = ({ began, build = 1000, deployed, failure, id }: Run): ReadonlyArray<Event> => {
  const events: Array<Event> = []
  const say = (at: number, path: string, body: EventBody) =>
    // A body with these fields is an event, but the compiler cannot see that through the union.
    void events.push({ ...body, seq: events.length + 1, run: id, time: began + at, path } as Event)
  say(0, "deploy", { _tag: "RunStarted", version: 1, name: "deploy" })
  say(1, "deploy/images", { _tag: "StepStarted", kind: "step" })
  say(1 + build, "deploy/images", { _tag: "StepSucceeded", kind: "step", millis: build })
  for (const { because = [], digest, server, version } of deployed) {
    const path = `deploy/servers[${server}]/services[web]/deploy`
    const about = { service: "web", server, version, digest: digest ?? digestOf(version), container: "c", because }
    say(build + 10, path, { _tag: "StepStarted", kind: "step" })
    say(build + 20, path, {
      _tag: "StepSucceeded",
      kind: "step",
      millis: 10,
      result: { deployed: { ...about, outcome: because.length === 0 ? "unchanged" : "replaced" } }
    })
  }
  if (failure === undefined) say(build + 30, "deploy", { _tag: "RunSucceeded", millis: build + 30 })
  else {
    const failures = [{ tag: "ContainerUnhealthy", message: failure, remedy: "Read its log." }]
    say(build + 21, "deploy/servers[web2]/services[web]/deploy", { _tag: "StepStarted", kind: "step" })
    say(build + 22, "deploy/servers[web2]/services[web]/deploy", {
      _tag: "StepFailed",
      kind: "step",
      millis: 1,
      failures
    })
    say(build + 30, "deploy", { _tag: "RunFailed", millis: build + 30, failures })
  }
  return events
}

/** Records runs in the history of the project's user. */
const record = async (shop: ReturnType<typeof project>, runs: ReadonlyArray<Run>) => {
  const folder = join(shop.home, ".local/state/jiji")
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const run of runs) {
    const about = {
      project: "shop",
      servers: run.servers,
      who: "me@here",
      ...(run.environment !== undefined && { environment: run.environment })
    }
    const warn = ({ message }: { readonly message: string }) => {
      throw new Error(message)
    }
    await Effect.runPromise(recorder(join(folder, "runs.sqlite"), about, warn)(Stream.fromIterable(eventsOf(run))))
  }
}

const first: Run = {
  id: "aaaa0000-0001",
  began: start,
  servers: ["web1"],
  deployed: [{ server: "web1", version: "v1" }]
}
const middle: Run = {
  id: "bbbb0000-0002",
  began: start + hour,
  servers: ["web1"],
  deployed: [{ server: "web1", version: "v2", because: ["image v1 → v2", "environment: LOG", "secret: TOKEN"] }]
}
const last: Run = {
  id: "cccc0000-0003",
  began: start + 2 * hour,
  servers: ["web1", "web2"],
  deployed: [{ server: "web1", version: "v3", because: ["image v2 → v3", "ports"] }],
  build: 9000,
  failure: "shop-web did not become healthy on web2."
}
const elsewhere: Run = {
  ...middle,
  id: "dddd0000-0004",
  environment: "staging",
  deployed: [{ server: "web1", version: "v9", because: ["volumes"] }]
}

describe("jiji diff", () => {
  test("shows what differs, with the configuration of the runs in between", async () => {
    using shop = project({})
    await record(shop, [first, middle, elsewhere, last])
    const { code, stderr, stdout } = shop.jiji(["diff", "aaaa", "cccc"], { TZ: "UTC" })
    expect([code, stderr]).toEqual([0, ""])
    expect(stdout).toBe(`run      aaaa0000-0001        cccc0000-0003
when     2026-11-29 12:00:00  2026-11-29 14:00:00
what     deploy of shop       deploy of shop
by       me@here              me@here
outcome  done                 failed
time     1.0 s                9.0 s

Servers
  +  web2

Versions
  web on web1  v1  →  v3

Configuration
  web  environment: LOG; ports; secret: TOKEN

Failures
  + deploy/servers[web2]/services[web]/deploy: shop-web did not become healthy on web2.

Times
  deploy/images  1.0 s  →  9.0 s
`)
    const json = JSON.parse(shop.jiji(["diff", "aaaa", "--json"]).stdout)
    expect(json).toMatchObject({
      version: 1,
      runs: { from: { id: first.id, outcome: "succeeded" }, to: { id: last.id, outcome: "failed" } },
      servers: { added: ["web2"], removed: [] },
      services: [
        { service: "web", server: "web1", from: { version: "v1", digest: digestOf("v1") }, to: { version: "v3" } }
      ],
      configuration: [{ service: "web", changed: ["environment: LOG", "ports", "secret: TOKEN"] }],
      failures: [{ path: "deploy/servers[web2]/services[web]/deploy" }],
      times: [{ path: "deploy/images", from: 1000, to: 9000 }],
      commits: []
    })
  })

  test("shows the digests of two images with one version, and nothing of equal runs", async () => {
    using shop = project({})
    const digest = `sha256:${"0".repeat(64)}`
    await record(shop, [
      first,
      { ...first, id: "eeee0000-0005", began: start + hour, deployed: [{ server: "web1", version: "v1", digest }] }
    ])
    expect(shop.jiji(["diff", "aaaa", "eeee"]).stdout).toContain(
      `web on web1  v1 (${digestOf("v1").slice(7, 19)})  →  v1 (000000000000)\n`
    )
    expect(shop.jiji(["diff", "aaaa", "aaaa"]).stdout).toEndWith("\n\nBoth shipped the same to the same servers.\n")
  })

  test("lists the commits between two versions, where git knows them", async () => {
    using shop = project({})
    const git = (...words: ReadonlyArray<string>) => {
      const options = ["-c", "user.name=Me", "-c", "user.email=me@example.com", "-c", "commit.gpgsign=false"]
      const { exitCode, stderr, stdout } = Bun.spawnSync(["git", ...options, ...words], {
        cwd: shop.root,
        env: shop.env
      })
      if (exitCode !== 0) throw new Error(stderr.toString())
      return stdout.toString().trim()
    }
    git("init", "--quiet")
    const commits = ["Start", "Sell hats", "Fix the price"].map((subject) => {
      git("commit", "--quiet", "--allow-empty", "--message", subject)
      return git("rev-parse", "--short", "HEAD")
    })
    const run = (id: string, at: number, version = ""): Run => ({
      ...first,
      id,
      began: at,
      deployed: [{ server: "web1", version }]
    })
    await record(shop, [
      run("aaaa-0001", start, commits[0]),
      run("bbbb-0002", start + hour, `${commits[2]}-dirty-12345678`)
    ])
    expect(shop.jiji(["diff", "aaaa", "bbbb"]).stdout).toContain(
      `Commits\n  ${commits[2]}  Fix the price\n  ${commits[1]}  Sell hats\n`
    )
  })

  test("names what to do about an unknown run", async () => {
    using shop = project({})
    expect(shop.jiji(["diff", "aaaa", "bbbb"])).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringContaining("is empty.\n")
    })
    await record(shop, [first, last])
    expect(shop.jiji(["diff", "aaaa", "cccd"])).toEqual({
      code: 2,
      stdout: "",
      stderr:
        'error: No run in the history has an ID that starts with "cccd".\n  → Did you mean cccc0000-0003? `jiji runs` lists all runs.\n'
    })
    expect(shop.jiji(["diff"])).toMatchObject({ code: 2, stdout: "" })
  })
})
