import { expect, test } from "bun:test"
import { beganLine, didLine, endedLine, mergeAudit } from "../../../src/layers/lock/Entry.ts"
import { encodeSaid } from "../../../src/layers/lock/Holder.ts"

const began = { at: 1000, user: "ann", machine: "laptop", command: "deploy", version: "v1", locked: true }
const entry = (line: string, user = "root") => `entry ${user} ${line}`

test("merges what the servers know of a run, and says where it was cut off", () => {
  const line = entry(beganLine({ ...began, run: "r1" }))
  const [found] = mergeAudit(
    [
      { name: "web1", lines: [line, entry(endedLine("r1", 3000, "succeeded"))] },
      { name: "web2", lines: [line] }
    ],
    5000
  )
  expect(found).toMatchObject({ run: "r1", outcome: "cut off", version: "v1" })
  expect(found?.servers).toEqual([
    { name: "web1", user: "root", outcome: "succeeded" },
    { name: "web2", user: "root", outcome: "cut off" }
  ])
})

test("takes a run that holds the lock for running", () => {
  const said = encodeSaid({ user: "ann", machine: "laptop", run: "r1", command: "deploy" })
  const lines = [entry(beganLine({ ...began, run: "r1" })), `run 100 90 ${said}`]
  expect(mergeAudit([{ name: "web1", lines }], 5000).map(({ outcome }) => outcome)).toEqual(["running"])
})

test("skips lines that it cannot read, and prints no control characters", () => {
  const lines = [
    entry("{"),
    "entry",
    entry(JSON.stringify({ v: 2, t: "began" })),
    entry(didLine({ ...began, run: "r2", message: "a\u001b[2Jb\nc" }, "succeeded")),
    entry(endedLine("r3", 1, "failed"))
  ]
  const found = mergeAudit([{ name: "web1", lines }], 5000)
  expect(found.map(({ message, run }) => [run, message])).toEqual([["r2", "ab c"]])
})

test("lets one user of a server end nothing that another has begun", () => {
  const lines = [entry(beganLine({ ...began, run: "r1" })), entry(endedLine("r1", 2, "succeeded"), "mallory")]
  expect(mergeAudit([{ name: "web1", lines }], 5000).map(({ outcome }) => outcome)).toEqual(["cut off"])
})
