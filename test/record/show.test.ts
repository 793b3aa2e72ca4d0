import { describe, expect, test } from "bun:test"
import { escape } from "../../src/record/escape.ts"
import { table } from "../../src/record/list.ts"
import { byMachine, type Row } from "../../src/record/machines.ts"
import { page } from "../../src/record/page.ts"
import type { Outcome, RunKept } from "../../src/record/read.ts"
import { scaleOf } from "../../src/record/scale.ts"
import { show } from "../../src/record/show.ts"
import { ago } from "../../src/record/times.ts"
import { treeOf } from "../../src/record/tree.ts"
import { story } from "../reporters/story.ts"
import { failedDeploy, malicious } from "./story.ts"

const events = failedDeploy()
const began = events[0]?.time ?? 0
const hour = 3_600_000
const run = (outcome: Outcome = "failed"): RunKept => ({
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
const tree = treeOf(events, ["web1", "web2"])
const lines = (columns: number, colors = false) => show(run(), tree, began + 2 * hour, { colors, columns })
const outline = (rows: ReadonlyArray<Row>): ReadonlyArray<unknown> =>
  rows.map(({ label, rows }) => (rows.length === 0 ? label : { [label]: outline(rows) }))

describe("a run as a tree", () => {
  test("says of each step when it began, how long it took, and what it said last or why it was skipped", () => {
    const text = lines(100).join("\n")
    expect(text).toStartWith("✗ deploy of shop to staging failed after 12.3 s\n  mf3k2a9c-7q1x, ")
    expect(text).toContain("\n   +0.0s  ✓ secrets              6 ms  DATABASE_URL from .env\n")
    expect(text).toMatch(/\n {3}\+0\.0s {2}- login +the registry is local\n/)
    expect(text).toMatch(
      /\n {3}\+4\.6s {8}✓ web +3\.6 s\n {3}\+4\.6s {10}✓ pull +1\.5 s\n {3}\+6\.1s {10}✓ deploy +2\.1 s\n/
    )
  })

  test("says why a step failed, what to do, and its command's last lines, once", () => {
    const text = lines(120).join("\n")
    expect(text.match(/did not become healthy/g)).toHaveLength(1)
    expect(text).toMatch(/→ Read its last lines above[^\n]*\n +\| listening on :80\n(?:[^\n]*\n)+ +\| exit status 2$/)
    expect(text).toContain("↻ attempt 1: The connection to the registry was reset.")
    expect(text).toContain("! the old container is kept")
  })

  test("says in one line what a step has said in several", () => {
    const noted = story(
      [0, "deploy/note", { _tag: "StepStarted", kind: "step" }],
      [0, "deploy/note", { _tag: "StepNoted", level: "info", text: "first\nsecond" }]
    )
    expect(show(run(), treeOf(noted, []), began, { colors: false, columns: 80 }).join("\n")).toMatch(/ first second$/m)
  })

  for (const columns of [30, 44, 60, 80, 200]) {
    test(`fits into ${columns} columns`, () => {
      expect(lines(columns).filter((line) => Bun.stringWidth(line) > columns)).toEqual([])
    })
  }

  test("has the same words with colours and without", () => {
    expect(lines(80, true).map((line) => Bun.stripANSI(line))).toEqual([...lines(80)])
    expect(lines(80, true).join("")).toContain("\u001b[31m")
  })

  test("of a run that was killed shows what was heard of it", () => {
    const some = treeOf(events.slice(0, 8), ["web1", "web2"])
    const text = show(run("lost"), some, began + hour, { colors: false, columns: 80 }).join("\n")
    expect(text).toStartWith("? deploy of shop to staging ended without a word after 12.3 s\n")
    expect(text).toMatch(/… images\n/)
  })

  test("of a run that failed before its first step says why", () => {
    const [first, last] = [events[0], events.at(-1)]
    if (first === undefined || last === undefined) throw new Error("no story")
    const text = show(run(), treeOf([first, last], []), began, { colors: false, columns: 90 }).join("\n")
    expect(text).toContain("  shop-web did not become healthy on web2")
  })

  test("puts nodes where their keys have brackets and slashes in them", () => {
    const path = "p/all[a/b]"
    const made = treeOf(
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
    expect(outline(byMachine(made.root).flatMap(({ rows }) => rows))).toEqual([{ all: [{ "a/b": ["step"] }] }])
    expect(made.root.children[0]?.children.map(({ label }) => label)).toEqual(["a/b", "c[1]"])
  })
})

test("what was done is put below the machine that it was done for", () => {
  const machines = byMachine(tree.root).map(({ rows, server }) => [server ?? "here", outline(rows)])
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

describe("the table of runs", () => {
  const runs = (["failed", "succeeded", "running", "lost", "interrupted"] as const).map(run)

  test("has a row for each, with how it ended", () => {
    const [head, ...rows] = table(runs, began + 26 * hour, { colors: false, columns: 200 })
    expect(head).toMatch(/^ {2}ID +WHEN +AGO +PROJECT +PIPELINE +ENVIRONMENT +OUTCOME +TIME +BY$/)
    expect(rows.map((row) => row.replace(/^(.) .* staging +/, "$1 ").replace(/ {2,}.*/, ""))).toEqual([
      "✗ failed",
      "✓ done",
      "… running",
      "? ended without a word",
      "! interrupted"
    ])
    expect(rows[0]).toContain("  26 h ago  ")
  })

  for (const columns of [40, 50, 80, 120]) {
    test(`fits into ${columns} columns, and never cuts an ID`, () => {
      const rows = table(runs, began, { colors: false, columns })
      expect(rows.filter((row) => Bun.stringWidth(row) > columns)).toEqual([])
      expect(rows.slice(1).every((row) => row.includes(" mf3k2a9c-7q1x  "))).toBe(true)
    })
  }
})

describe("a page", () => {
  test("has no word of a server's as markup", () => {
    const escaped = escape(`${malicious}&"\u001b[31mred\u001b[0m\u202e`)
    expect(escaped).toEndWith("&lt;/script&gt;&amp;&quot;red")
    expect(escaped).not.toMatch(/[<>"']|&(?!amp;|lt;|gt;|quot;|#39;)/)
    const evil = JSON.parse(
      JSON.stringify(events).replaceAll(/web2|reset|docker 20|attempt|database/g, (word) =>
        JSON.stringify(`${word}${malicious}"'`).slice(1, -1)
      )
    )
    const made = page(
      { ...run(), project: malicious, environment: malicious, who: malicious },
      treeOf(evil, ["web1", `web2${malicious}"'`])
    )
    expect(made.match(/<script/g)).toHaveLength(1)
    expect(made).not.toMatch(/<img|"owned|'owned'"/)
  })

  test("is made the same of the same run", () => {
    expect(page(run(), tree)).toBe(page(run(), treeOf(events, ["web1", "web2"])))
  })
})

test("the marks of an axis are few, round, and within it", () => {
  for (let millis = 1; millis < 1e9; millis = Math.ceil(millis * 1.7)) {
    const { marks } = scaleOf(0, millis)
    expect(marks.length).toBeWithin(1, 8)
    for (const { at } of marks) expect(Number.parseFloat(at)).toBeWithin(0, 100.01)
  }
  expect(scaleOf(0, 12_320).marks.map(({ text }) => text)).toEqual(["0", "5 s", "10 s"])
  expect(scaleOf(0, 250).marks.map(({ text }) => text)).toEqual(["0", "50 ms", "100 ms", "150 ms", "200 ms", "250 ms"])
})

test("how long ago something was is said in one word of time", () => {
  const said = [-5, 0, 59_999, 60_000, 59 * 60_000, hour, 47 * hour, 48 * hour, 2400 * hour].map(ago)
  expect(said).toEqual([
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
