import { describe, expect, test } from "bun:test"
import { Effect, Stream } from "effect"
import type { Event } from "../../src/core/Event.ts"
import { eventLine, parsePath } from "../../src/reporters/eventLine.ts"
import { summaryMarkdown } from "../../src/reporters/github/jobSummary.ts"
import { plain } from "../../src/reporters/plain.ts"
import { feed, type Output, type Reporter } from "../../src/reporters/Reporter.ts"
import { throttled } from "../../src/reporters/throttled.ts"
import { truncate } from "../../src/reporters/text.ts"
import { failure, interruption, noise, story, success } from "./story.ts"
import { printable } from "../../src/core/text.ts"
import { formatBytes, formatDuration } from "../../src/core/units.ts"

/** Everything that a reporter writes for a story. */
const written = (make: (output: Output) => Reporter, events: ReadonlyArray<Event>, columns = 100, colors = false) => {
  let text = ""
  const reporter = make({ write: (more) => (text += more), columns, colors })
  for (const event of events) reporter.event(event)
  reporter.end()
  return text
}

describe("the plain reporter", () => {
  test("writes a line for each event, with the seconds since the start", () => {
    expect(written(plain, success)).toBe(`   0.0s  deploy, run mf3k2a9c-7q1x
   0.0s  secrets: skipped: none is used
   0.0s  version: abc1234
   0.0s  version: done in 39 ms
   0.3s  web1 connect: docker 20.10.24, amd64
   0.3s  web1 connect: done in 258 ms
   0.8s  web build: | Step 1/2 : FROM scratch
   1.9s  web build: done in 1.9 s
   2.1s  web push: 4.2 MB of 12 MB new
   2.1s  web push: done in 200 ms
   2.2s  web1 tunnel: done in 41 ms
   3.0s  web1 web pull: | a1b2c3: Pull complete
   3.5s  web1 web pull: done in 1.3 s
   5.0s  web1 web deploy: done in 1.5 s
   5.0s  web1 cache pull: skipped: it runs there already
   5.0s  web1 cache deploy: skipped: it runs there already
  65.0s  done

SERVICE  SERVER  VERSION  DIGEST        OUTCOME    TIME
web      web1    abc1234  0123456789ab  replaced   2.8 s
cache    web1    7        0123456789ab  unchanged  2 ms
`)
  })

  test("shows which servers failed and which were not started", () => {
    const lines = written(plain, failure).split("\n")
    expect(lines.slice(10)).toEqual([
      "   2.2s  web1 web pull: done in 1.3 s",
      "   5.0s  web1 web deploy: FAILED: The new container of web on web1 is unhealthy; the old one, if any, keeps running. Last log lines:",
      "   6.0s  web2 tunnel: FAILED: web2 does not open port 9270 for a reverse forward.",
      "   6.0s  web2 tunnel: warning: tunnel did not close in time",
      "   6.0s  web3 servers: skipped: not started because web1 failed",
      "   6.0s  failed after 6.0 s",
      "",
      "SERVICE  SERVER  VERSION  DIGEST  OUTCOME      TIME",
      "web      web1    -        -       failed       2.8 s",
      "-        web2    -        -       failed       999 ms",
      "-        web3    -        -       not started  0 ms",
      ""
    ])
  })

  test("shows which steps and services were interrupted", () => {
    const lines = written(plain, interruption).split("\n")
    expect(lines.slice(10)).toEqual([
      "   3.0s  web1 web pull: interrupted",
      "   3.0s  interrupted after 3.0 s",
      "",
      "SERVICE  SERVER  VERSION  DIGEST  OUTCOME      TIME",
      "web      web1    -        -       interrupted  849 ms",
      ""
    ])
  })

  test("says what a run waits for in jiji serve", () => {
    const stamp = { run: "r1", path: "release", time: 1000 }
    const lines = written(plain, [
      { _tag: "RunStarted", seq: 1, ...stamp, version: 1, name: "release" },
      {
        _tag: "RunInterrupted",
        seq: 2,
        ...stamp,
        millis: 1000,
        waits: [
          { path: "release/approved", signal: "approved" },
          { path: "release/bake", until: Date.UTC(2030, 0, 2) }
        ]
      }
    ])
    expect(lines).toContain("   0.0s  waits for the signal approved, until 2030-01-02T00:00:00.000Z\n")
  })

  test("does not let keys or names start a line or change its color", () => {
    const stamp = { run: "r1", time: 1000 }
    const key = "a%0A::error title=pwn::x%1B%5B2J"
    const text = written(plain, [
      { ...stamp, _tag: "RunStarted", seq: 1, path: "deploy", version: 1, name: "de\n::error::ploy\u001b[2J" },
      { ...stamp, _tag: "StepFailed", seq: 2, path: `deploy/servers[${key}]/x`, kind: "step", millis: 1, failures: [] },
      { ...stamp, _tag: "StepFailed", seq: 3, path: `deploy/servers[${key}]`, kind: "item", millis: 1, failures: [] }
    ])
    expect(text.split("\n").map((line) => line.trim())).toEqual([
      "0.0s  de ::error::ploy, run r1",
      "0.0s  a ::error title=pwn::x x: FAILED:",
      "",
      expect.stringMatching(/^SERVICE/),
      expect.stringMatching(/^- +a ::error title=pwn::x +- +- +failed +1 ms$/),
      ""
    ])
  })

  test("removes control characters from a server's output", () => {
    const lines = written(plain, noise).split("\n")
    expect(lines.slice(1, 12).map((line) => line.slice("   0.1s  web build: | ".length))).toEqual([
      "red and bold",
      "cleared",
      "100%",
      "a Windows line",
      "after a title",
      "bell back space nul del c1",
      "tab    here",
      "日本語の長い行はこのように続いていくので切られるはずです",
      "rightto left",
      "x".repeat(300),
      ""
    ])
  })

  test("joins the lines of a message, and keeps only the last state of an overwritten line of output", () => {
    const events = story(
      [0, "deploy/note", { _tag: "StepNoted", level: "info", text: "first\nsecond\r\nthird" }],
      [0, "deploy/note", { _tag: "StepOutput", machine: "local", stream: "stdout", line: "50%\r100%" }]
    )
    expect(written(plain, events).trim().split(/\n +/)).toEqual([
      "0.0s  note: first second third",
      "0.0s  note: | 100%"
    ])
  })

  test("writes no control characters", () => {
    for (const events of [success, failure, interruption, noise]) {
      expect(written(plain, events)).not.toMatch(/[^\n\P{Cc}]/u)
    }
  })
})

describe("the table of services", () => {
  const widest = (columns: number) =>
    Math.max(...(written(plain, success, columns).split("\n\n")[1] ?? "").split("\n").map((line) => line.length))

  test("leaves out the least important columns if they do not fit", () => {
    for (const columns of [160, 60, 50, 40, 36]) expect(widest(columns)).toBeLessThanOrEqual(columns)
    const heads = [160, 50, 40, 30].map((columns) => /^SERVICE.*$/m.exec(written(plain, success, columns))?.[0])
    expect(heads).toEqual([
      "SERVICE  SERVER  VERSION  DIGEST        OUTCOME    TIME",
      "SERVICE  SERVER  VERSION  OUTCOME    TIME",
      "SERVICE  SERVER  OUTCOME    TIME",
      "SERVICE  SERVER  OUTCOME"
    ])
  })

  test("is the same for a deploy within another pipeline", () => {
    const tableOf = (events: ReadonlyArray<Event>) => written(plain, events).split("\n\n")[1]
    for (const [events, outcome] of [
      [success, "replaced"],
      [failure, "failed"],
      [interruption, "interrupted"]
    ] as const) {
      const moved = events.map((event): Event =>
        event.path.startsWith("deploy") ? { ...event, path: `canary/waves[web1+web2]/${event.path}` } : event
      )
      expect(tableOf(events)).toContain(outcome)
      expect(tableOf(moved)).toBe(tableOf(events))
    }
  })

  test("shows why a container was replaced if that fits", () => {
    const events = success.map((event): Event => {
      if (event._tag !== "StepSucceeded" || !event.path.endsWith("services[web]/deploy")) return event
      const { deployed } = event.result as { readonly deployed: object }
      return { ...event, result: { deployed: { ...deployed, because: ["image 1a2b → 3c4d", "environment: LOG"] } } }
    })
    const tableOf = (columns: number) => written(plain, events, columns).split("\n\n")[1]?.split("\n") ?? []
    expect(tableOf(160).map((line) => line.slice(line.indexOf(" s") + 2))).toContain(
      "  image 1a2b → 3c4d; environment: LOG"
    )
    expect(tableOf(160)[0]).toBe("SERVICE  SERVER  VERSION  DIGEST        OUTCOME    TIME   WHY")
    expect(tableOf(75)[0]).toBe("SERVICE  SERVER  OUTCOME    TIME   WHY")
    expect(tableOf(60)[0]).toBe("SERVICE  SERVER  VERSION  DIGEST        OUTCOME    TIME")
    expect(summaryMarkdown(events, { project: "shop" })).toContain(
      "| Service | Server | Version | Digest | Outcome | Time | Why |"
    )
    expect(summaryMarkdown(events, { project: "shop" })).toContain("environment&#58; LOG")
    expect(summaryMarkdown(success, { project: "shop" })).not.toContain("Why")
  })

  test("is left out if the run reached no server", () => {
    expect(written(plain, success.slice(0, 10))).not.toContain("SERVICE")
  })
})

describe("formats", () => {
  test("durations", () => {
    const all = [0, 0.4, 999, 1000, 1449, 59_949, 59_950, 60_000, 119_499, 119_600, 3_600_000]
    expect(all.map(formatDuration)).toEqual([
      "0 ms",
      "0 ms",
      "999 ms",
      "1.0 s",
      "1.4 s",
      "59.9 s",
      "1 min 0 s",
      "1 min 0 s",
      "1 min 59 s",
      "2 min 0 s",
      "60 min 0 s"
    ])
  })

  test("sizes", () => {
    const all = [0, 999, 1000, 4_249, 9_960, 12_345, 999_499, 999_500, 4_200_000, 1.5e9, 2e12, 5e15]
    expect(all.map(formatBytes)).toEqual([
      "0 B",
      "999 B",
      "1.0 kB",
      "4.2 kB",
      "10 kB",
      "12 kB",
      "999 kB",
      "1.0 MB",
      "4.2 MB",
      "1.5 GB",
      "2.0 TB",
      "5000.0 TB"
    ])
  })

  test("retries and undos", () => {
    const stamp = { seq: 1, run: "r", time: 0, path: "deploy/servers[web1]/pull" }
    const failures = [{ tag: "Lost", message: "web1 was lost.\nIts last lines", remedy: "Fix it." }]
    const retried = { ...stamp, _tag: "StepRetried", attempt: 2, failures } as const
    const pull = { subject: "web1", action: "pull", mark: "warning" } as const
    expect(eventLine({ ...retried, millis: 1500 })).toEqual({
      ...pull,
      detail: "attempt 2 failed: web1 was lost. (retrying in 1.5 s)"
    })
    expect(eventLine({ ...retried, millis: 0 })?.detail).toEndWith("(retrying now)")
    const undo = { ...stamp, path: `${stamp.path}/undo`, kind: "undo", millis: 3 } as const
    const about = { subject: "web1", action: "undo pull" }
    expect(eventLine({ ...undo, _tag: "StepStarted" })).toEqual({ ...about, mark: "started", detail: "" })
    expect(eventLine({ ...undo, _tag: "StepSucceeded" })).toEqual({ ...about, mark: "done", detail: "3 ms" })
    expect(eventLine({ ...undo, _tag: "StepFailed", failures })).toEqual({
      ...about,
      mark: "failed",
      detail: "web1 was lost."
    })
  })

  test("paths", () => {
    expect(parsePath("deploy/servers[web1]/services[my-web]/pull")).toEqual({ keys: ["web1", "my-web"], name: "pull" })
    expect(parsePath("deploy/servers[web1]")).toEqual({ keys: ["web1"], name: "servers" })
    expect(parsePath("deploy")).toEqual({ keys: [], name: "deploy" })
    expect(parsePath("p/a\n##[error]x\u001b[2J")).toEqual({ keys: [], name: "a # #[error]x" })
    // Parsing takes linear time, whatever the name contains.
    expect(parsePath("[".repeat(100_000)).name).toHaveLength(100_000)
  })

  test("texts, truncated by their width on the screen", () => {
    expect(truncate("abc", 3)).toBe("abc")
    expect(truncate("abcd", 3)).toBe("ab…")
    for (const columns of [1, 2, 3, 4, 5])
      expect(Bun.stringWidth(truncate("日本語", columns))).toBeLessThanOrEqual(columns)
    expect(printable("a\u0000b")).toBe("ab")
  })

  test("every event without an error", () => {
    for (const event of [...success, ...failure, ...interruption, ...noise])
      expect(() => eventLine(event)).not.toThrow()
  })
})

describe("progress events", () => {
  const path = "deploy/images/services[web]/push"
  const stamp = { seq: 1, run: "r", path }
  const progress = (time: number, path = stamp.path): Event => ({
    ...stamp,
    path,
    time,
    _tag: "StepProgress",
    label: "read",
    bytes: time
  })
  const given = (...events: ReadonlyArray<Event>) => {
    const seen: Array<Event> = []
    const reporter = throttled({ event: (event) => void seen.push(event), end: () => {} })
    for (const event of events) reporter.event(event)
    return seen
  }
  const started: Event = { ...stamp, time: 0, _tag: "StepStarted", kind: "step" }
  const ended: Event = { ...stamp, time: 26_000, _tag: "StepSucceeded", kind: "step", millis: 26_000 }

  test("are written rarely, and the last one before the step's end", () => {
    const all = Array.from({ length: 125 }, (_, index) => progress(200 * (index + 1)))
    expect(given(started, ...all, ended)).toEqual([
      started,
      progress(10_000),
      progress(20_000),
      progress(25_000),
      ended
    ])
  })

  test("are written immediately if their step has ended, and only once", () => {
    const last = progress(30_000)
    expect(given(started, progress(10_000), ended, last)).toEqual([started, progress(10_000), ended, last])
    const other = progress(200, "deploy/other")
    expect(given(started, other, ended)).toEqual([started, other, ended])
  })
})

describe("feeding a reporter", () => {
  test("ends with the run and ends the reporter", async () => {
    const seen: Array<string> = []
    const reporter: Reporter = { event: (event) => void seen.push(event._tag), end: () => void seen.push("end") }
    const endless = Stream.concat(Stream.fromIterable([...success, ...success]), Stream.never)
    await Effect.runPromise(feed(reporter)(endless))
    expect(seen).toEqual([...success.map(({ _tag }) => _tag), "end"])
  })

  test("ends the reporter even if it throws", async () => {
    let ended = false
    const reporter: Reporter = {
      event: () => {
        throw new Error("broken")
      },
      end: () => void (ended = true)
    }
    const exit = await Effect.runPromiseExit(feed(reporter)(Stream.fromIterable(success)))
    expect([exit._tag, ended]).toEqual(["Failure", true])
  })
})
