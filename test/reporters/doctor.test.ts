import { expect, test } from "bun:test"
import { Cause, Schema } from "effect"
import { exitReport } from "../../src/cli/process/exit.ts"
import { checkProgress, reportJson, reportLines } from "../../src/reporters/doctorReport.ts"
import { type Check, thisMachine, checksFor } from "../../src/steps/doctor/Check.ts"
import * as Report from "../../src/steps/doctor/Report.ts"
import { project, server } from "../steps/rehearsal.ts"
import { success } from "./story.ts"

const here = checksFor(thisMachine)
const web1 = checksFor("web1")
const checks: ReadonlyArray<Check> = [
  here.ok("config", "shop: 1 service on 1 server"),
  // The report orders the checks; they arrive in any order.
  web1.warning("clock", "90 s behind this machine's", "Let both follow a time server."),
  web1.failed("engine", {
    message: "The user may not use docker on web1: permission\n\u001b[31mdenied\u001b[0m of /var/run/docker.sock",
    remedy: "Add the user to the group of the engine's socket (`sudo usermod -aG docker USER`, then log in anew)."
  }),
  ...web1.skipped("no engine answers", "disk", "registry"),
  web1.ok("ssh", "deploy@203.0.113.10:2222 lets jiji in")
]
const of = project({ servers: [server("web1", { user: "deploy", port: 2222 })], environment: "staging" })
const report = Report.make(checks, of)

test("groups the checks by machine and shows the remedy of every failure and warning", () => {
  expect(reportLines(report, { columns: 200, colors: false }).join("\n")).toBe(`this machine
  ✓ config    shop: 1 service on 1 server

web1 (deploy@203.0.113.10:2222)
  ✓ ssh       deploy@203.0.113.10:2222 lets jiji in
  ✗ engine    The user may not use docker on web1: permission
              denied of /var/run/docker.sock
              → Add the user to the group of the engine's socket (\`sudo usermod -aG docker USER\`, then log in anew).
  - disk: no engine answers
  ! clock     90 s behind this machine's
              → Let both follow a time server.
  - registry: no engine answers

2 ok, 1 warning, 2 skipped, 1 failed`)
})

test("merges neighboring checks that were skipped for the same reason into one line", () => {
  const skipped = Report.make([...web1.skipped("there is no connection", "engine", "disk", "clock")], of)
  expect(reportLines(skipped, { columns: 80, colors: false })).toContain(
    "  - engine, disk, clock: there is no connection"
  )
})

test("wraps lines between words on a narrow terminal", () => {
  const narrow = reportLines(report, { columns: 50, colors: false })
  expect(narrow.filter((line) => Bun.stringWidth(line) > 50)).toEqual([])
  const words = (text: string) => text.split(/\s+/).filter(Boolean).join(" ")
  expect(words(narrow.join(" "))).toBe(words(reportLines(report, { columns: 200, colors: false }).join(" ")))
})

test("prints the same text with and without colors", () => {
  const plain = reportLines(report, { columns: 80, colors: false })
  const painted = reportLines(report, { columns: 80, colors: true })
  expect(painted.join("\n")).toContain("\u001b[31m✗")
  expect(painted.join("\n")).toContain("\u001b[33m!")
  expect(painted.map((line) => Bun.stripANSI(line))).toEqual([...plain])
})

test("prints JSON that matches its schema exactly", () => {
  const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Report.Report), { onExcessProperty: "error" })
  expect(decode(reportJson(report))).toEqual(report)
  expect(JSON.parse(reportJson(report))).toMatchObject({
    version: 1,
    ok: false,
    project: "shop",
    environment: "staging",
    machines: [{ name: "this machine" }, { name: "web1", address: "deploy@203.0.113.10:2222" }]
  })
})

test("does not confuse a server named local with the local machine", () => {
  const named = Report.make(
    [here.ok("config", "fine"), checksFor("local").ok("ssh", "fine")],
    project({ servers: [server("local")] })
  )
  expect(named.machines.map(({ checks, name }) => [name, checks.length])).toEqual([
    ["this machine", 1],
    ["local", 1]
  ])
})

test("exits with code 1 if a check failed or deploy.yml is invalid", () => {
  const end = (report: Report.Report) => exitReport(Cause.fail(Report.failure(report)))
  expect(end(report)).toEqual({
    code: 1,
    text: "error: 1 of 6 checks failed.\n  → Follow the advice below each failed check, then run: jiji doctor\n"
  })
  expect(end(Report.make([here.failed("config", { message: "no", remedy: "yes" })])).code).toBe(1)
})

test("shows the running checks in one line and erases it at the end", () => {
  let text = ""
  const shown = checkProgress({ write: (more) => (text += more), columns: 40, colors: false })
  for (const event of success) shown.event(event)
  shown.end()
  expect(text).toContain("… build web, connect web1")
  expect(text).not.toContain("\n")
  expect(text).toEndWith("\r\u001b[2K")
  expect(Math.max(...text.split("\u001b[2K").map((line) => Bun.stringWidth(line)))).toBeLessThan(40)
})
