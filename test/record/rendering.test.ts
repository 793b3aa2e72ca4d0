import { describe, expect, test } from "bun:test"
import { escapeHtml } from "../../src/record/html.ts"
import { runsTable } from "../../src/record/runsTable.ts"
import { groupByMachine, type SectionRow } from "../../src/record/groupByMachine.ts"
import { renderPage } from "../../src/record/renderPage.ts"
import type { RunOutcome, StoredRun } from "../../src/record/read.ts"
import { timeScale } from "../../src/record/timeScale.ts"
import { renderRun } from "../../src/record/renderRun.ts"
import { formatAgo } from "../../src/record/times.ts"
import { buildTree } from "../../src/record/tree.ts"
import { story } from "../reporters/story.ts"
import { failedDeploy, malicious } from "./story.ts"

const events = failedDeploy()
const began = events[0]?.time ?? 0
const hour = 3_600_000
const run = (outcome: RunOutcome = "failed"): StoredRun => ({
  id: "mf3k2a9c-7q1x",
  pipeline: "deploy",
  project: "shop",
  environment: "staging",
  servers: ["web1", "web2"],
  who: "deploy@laptop",
  began,
  outcome,
  millis: 12_320,
  dropped: 0
})
const tree = buildTree(events, ["web1", "web2"])
const lines = (columns: number, colors = false) => renderRun(run(), tree, began + 2 * hour, { colors, columns })
const outline = (rows: ReadonlyArray<SectionRow>): ReadonlyArray<unknown> =>
  rows.map(({ label, rows }) => (rows.length === 0 ? label : { [label]: outline(rows) }))

describe("`jiji runs show`", () => {
  test("shows each step's start, duration and last message, or why it was skipped", () => {
    const text = lines(100).join("\n")
    expect(text).toStartWith("✗ deploy of shop to staging failed after 12.3 s\n  mf3k2a9c-7q1x, ")
    expect(text).toContain("\n   +0.0s  ✓ secrets              6 ms  DATABASE_URL from .env\n")
    expect(text).toMatch(/\n {3}\+0\.0s {2}- login +the registry is local\n/)
    expect(text).toMatch(
      /\n {3}\+4\.6s {8}✓ web +3\.6 s\n {3}\+4\.6s {10}✓ pull +1\.5 s\n {3}\+6\.1s {10}✓ deploy +2\.1 s\n/
    )
  })

  test("shows a failed step's error, remedy and last lines of output, once", () => {
    const text = lines(120).join("\n")
    expect(text.match(/did not become healthy/g)).toHaveLength(1)
    expect(text).toMatch(/→ Read its last lines above[^\n]*\n +\| listening on :80\n(?:[^\n]*\n)+ +\| exit status 2$/)
    expect(text).toContain("↻ attempt 1 failed: The connection to the registry was reset.")
    expect(text).toContain("! the old container is kept")
  })

  test("joins the lines of a message into one", () => {
    const noted = story(
      [0, "deploy/note", { _tag: "StepStarted", kind: "step" }],
      [0, "deploy/note", { _tag: "StepNoted", level: "info", text: "first\nsecond" }]
    )
    expect(renderRun(run(), buildTree(noted, []), began, { colors: false, columns: 80 }).join("\n")).toMatch(
      / first second$/m
    )
  })

  for (const columns of [30, 44, 60, 80, 200]) {
    test(`fits into ${columns} columns`, () => {
      expect(lines(columns).filter((line) => Bun.stringWidth(line) > columns)).toEqual([])
    })
  }

  test("prints the same text with and without colors", () => {
    expect(lines(80, true).map((line) => Bun.stripANSI(line))).toEqual([...lines(80)])
    expect(lines(80, true).join("")).toContain("\u001b[31m")
  })

  test("shows the stored events of a run that was killed", () => {
    const some = buildTree(events.slice(0, 8), ["web1", "web2"])
    const text = renderRun(run("lost"), some, began + hour, { colors: false, columns: 80 }).join("\n")
    expect(text).toStartWith("? deploy of shop to staging stopped unexpectedly after 12.3 s\n")
    expect(text).toMatch(/… images\n/)
  })

  test("shows the error of a run that failed before its first step", () => {
    const [first, last] = [events[0], events.at(-1)]
    if (first === undefined || last === undefined) throw new Error("no story")
    const text = renderRun(run(), buildTree([first, last], []), began, { colors: false, columns: 90 }).join("\n")
    expect(text).toContain("  shop-web did not become healthy on web2")
  })

  test("places items whose keys contain brackets and slashes", () => {
    const path = "p/all[a/b]"
    const made = buildTree(
      (["p/all", path, `${path}/step`, "p/all[c[1]]"] as const).map((path, index) => ({
        _tag: "StepStarted",
        seq: index + 1,
        run: "r",
        time: index,
        path,
        kind: path.endsWith("]") ? "item" : path === "p/all" ? "forEach" : "step"
      })),
      []
    )
    expect(outline(groupByMachine(made.root).flatMap(({ rows }) => rows))).toEqual([{ all: [{ "a/b": ["step"] }] }])
    expect(made.root.children[0]?.children.map(({ label }) => label)).toEqual(["a/b", "c[1]"])
  })
})

test("groups steps by the machine that they concern", () => {
  const machines = groupByMachine(tree.root).map(({ rows, server }) => [server ?? "here", outline(rows)])
  expect(machines).toEqual([
    ["here", ["secrets", "login", { images: [{ services: [{ web: ["build", "push"] }] }] }]],
    [
      "web1",
      [{ "connections / servers": ["connect"] }, { servers: ["tunnel", { services: [{ web: ["pull", "deploy"] }] }] }]
    ],
    [
      "web2",
      [{ "connections / servers": ["connect"] }, { servers: ["tunnel", { services: [{ web: ["pull", "deploy"] }] }] }]
    ]
  ])
})

describe("`jiji runs`", () => {
  const runs = (["failed", "succeeded", "running", "lost", "interrupted"] as const).map(run)

  test("prints one row per run, with its outcome", () => {
    const [head, ...rows] = runsTable(runs, began + 26 * hour, { colors: false, columns: 200 })
    expect(head).toMatch(/^ {2}ID +WHEN +AGO +PROJECT +PIPELINE +ENVIRONMENT +OUTCOME +TIME +BY$/)
    expect(rows.map((row) => row.replace(/^(.) .* staging +/, "$1 ").replace(/ {2,}.*/, ""))).toEqual([
      "✗ failed",
      "✓ done",
      "… running",
      "? stopped unexpectedly",
      "! interrupted"
    ])
    expect(rows[0]).toContain("  26 h ago  ")
  })

  for (const columns of [40, 50, 80, 120]) {
    test(`fits into ${columns} columns and never truncates an ID`, () => {
      const rows = runsTable(runs, began, { colors: false, columns })
      expect(rows.filter((row) => Bun.stringWidth(row) > columns)).toEqual([])
      expect(rows.slice(1).every((row) => row.includes(" mf3k2a9c-7q1x  "))).toBe(true)
    })
  }
})

describe("the HTML page", () => {
  test("escapes all text from servers", () => {
    const escaped = escapeHtml(`${malicious}&"\u001b[31mred\u001b[0m\u202e`)
    expect(escaped).toEndWith("&lt;/script&gt;&amp;&quot;red")
    expect(escaped).not.toMatch(/[<>"']|&(?!amp;|lt;|gt;|quot;|#39;)/)
    const evil = JSON.parse(
      JSON.stringify(events).replaceAll(/web2|reset|docker 20|attempt|database/g, (word) =>
        JSON.stringify(`${word}${malicious}"'`).slice(1, -1)
      )
    )
    const made = renderPage(
      { ...run(), project: malicious, environment: malicious, who: malicious },
      buildTree(evil, ["web1", `web2${malicious}"'`])
    )
    expect(made.match(/<script/g)).toHaveLength(1)
    expect(made).not.toMatch(/<img|"owned|'owned'"/)
  })

  test("is identical for the same run", () => {
    expect(renderPage(run(), tree)).toBe(renderPage(run(), buildTree(events, ["web1", "web2"])))
  })
})

test("the time axis has a few round ticks, all within the run", () => {
  for (let millis = 1; millis < 1e9; millis = Math.ceil(millis * 1.7)) {
    const { ticks } = timeScale(0, millis)
    expect(ticks.length).toBeWithin(1, 8)
    for (const { at } of ticks) expect(Number.parseFloat(at)).toBeWithin(0, 100.01)
  }
  expect(timeScale(0, 12_320).ticks.map(({ label }) => label)).toEqual(["0", "5 s", "10 s"])
  expect(timeScale(0, 250).ticks.map(({ label }) => label)).toEqual([
    "0",
    "50 ms",
    "100 ms",
    "150 ms",
    "200 ms",
    "250 ms"
  ])
})

test("formats how long ago something was with one unit", () => {
  const texts = [-5, 0, 59_999, 60_000, 59 * 60_000, hour, 47 * hour, 48 * hour, 2400 * hour].map(formatAgo)
  expect(texts).toEqual([
    "just now",
    "just now",
    "just now",
    "1 min ago",
    "59 min ago",
    "1 h ago",
    "47 h ago",
    "2 days ago",
    "100 days ago"
  ])
})
