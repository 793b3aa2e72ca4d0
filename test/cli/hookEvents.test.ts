import { describe, expect, test } from "bun:test"
import { hookLines } from "../../src/cli/hooks/hookLines.ts"
import { handlesEvent, hookVariables } from "../../src/cli/hooks/hookEvents.ts"
import { Event } from "../../src/core/Event.ts"

import { hook, shop } from "./hooked.ts"

describe("the events of a hook", () => {
  const event = (path: string, kind: "step" | "item" | "pipeline"): Event => ({
    _tag: "StepFailed",
    seq: 1,
    run: "r",
    time: 0,
    path,
    kind,
    millis: 1,
    failures: [{ tag: "Broken", message: "a\0b", remedy: "" }]
  })
  const handles = (path: string, kind: "step" | "item" | "pipeline", only?: string) =>
    handlesEvent(hook({ on: ["step.failed"], command: ["x"], ...(only !== undefined && { only }) }), event(path, kind))

  test("are those of steps only, unless it names paths", () => {
    expect(handles("deploy/servers[web1]/pull", "step")).toBe(true)
    expect(handles("deploy/servers[web1]", "item")).toBe(false)
    expect(handles("deploy/servers[web1]", "item", "deploy/servers[*]")).toBe(true)
    expect(handles("deploy/servers[web1]/pull", "step", "deploy/servers[*]")).toBe(false)
    expect(handles("deploy/servers[web1]/services[web]/pull", "step", "deploy/servers[*]/**")).toBe(true)
    expect(handles("deploy/servers[web1]/pull", "step", "**/pull")).toBe(true)
    expect(handles("deploy/servers[web1]/pull", "step", "deploy/servers[web2]/*")).toBe(false)
    expect(handles("deploy/servers1/pull", "step", "deploy/servers[1]/pull")).toBe(false)
  })

  test("do not include the end of a run that jiji serve has suspended", () => {
    const interrupted = hook({ on: ["run.interrupted"], command: ["x"] })
    const end: Event = { _tag: "RunInterrupted", seq: 1, run: "r", time: 0, path: "release", millis: 1 }
    expect(handlesEvent(interrupted, end)).toBe(true)
    expect(handlesEvent(interrupted, { ...end, waits: [{ path: "release/approved", signal: "approved" }] })).toBe(false)
  })

  test("fit into variables, whatever a server wrote", () => {
    const one = hook({ on: ["step.failed"], command: ["x"] })
    const { JIJI_MESSAGE } = hookVariables(one, event("deploy/pull", "step"), shop("/", []), undefined)
    expect(JIJI_MESSAGE).toBe("deploy/pull failed after 1 ms: ab")
  })
})

test("a dry run lists the hooks without the values of secrets", () => {
  const environment = { clear: { CHANNEL: "the ops" }, secrets: ["TOKEN"] }
  const hooks = [
    hook({ name: "slack", on: ["run.failed", "run.succeeded"], command: ["bin/notify", "a b"], environment }),
    hook({ name: "log", on: ["step.failed"], command: ["logger"], only: "**/pull" })
  ]
  expect(hookLines(shop("/", hooks))).toEqual([
    "",
    "hooks (not run in a dry run):",
    `  slack  bin/notify 'a b' (in the environment: CHANNEL='the ops' TOKEN=<redacted>)  on run.failed, run.succeeded`,
    "  log    logger  on step.failed for **/pull"
  ])
  expect(hookLines(shop("/", []))).toEqual([])
})
