import { describe, expect, test } from "bun:test"
import { Effect } from "effect"
import { deploy } from "../../src/index.ts"
import { Answer, Rehearsal } from "../../src/testing/index.ts"
import { it } from "../support/effect.ts"

const project = Rehearsal.project(`
project: shop
servers: { web1: { host: 203.0.113.10 }, web2: { host: 203.0.113.11 } }
services:
  web: { image: "nginx:1.27", hosts: [web1, web2] }
  api: { build: {}, hosts: [web1, web2] }
`)

const rehearse = Effect.fnUntraced(function* (...answers: ReadonlyArray<Answer.Answer>) {
  const run = yield* Rehearsal.run(deploy, { project }, { answers })
  const notes = run.events.flatMap((event) =>
    event._tag === "StepNoted" ? [`${event.path.replace("deploy/servers", "")}: ${event.text}`] : []
  )
  return { ...run, notes }
})

describe("Answer.server", () => {
  it.effect("says which services run on a server already, so that they are replaced", () =>
    Effect.gen(function* () {
      const run = yield* rehearse(Answer.server("web2", { running: { web: "1.26" } }))
      expect(run.failures).toEqual([])
      expect(run.unused).toEqual([])
      const plan = (server: string) => run.notes.find((note) => note.startsWith(`[${server}]/plan`)) ?? ""
      expect(plan("web1")).toContain("start web")
      expect(plan("web2")).toContain("replace web: ")
      expect(plan("web2")).toContain("start api")
    })
  )

  it.effect("says what architecture a server has, whatever deploy.yml says", () =>
    Effect.gen(function* () {
      // One that this machine does not have, since images are built for it.
      const arch = process.arch === "s390x" ? "amd64" : "s390x"
      const run = yield* rehearse(Answer.server("web2", { arch }))
      expect(run.unused).toEqual([])
      expect(run.failures).toMatchObject([{ tag: "ArchitectureMismatch" }])
      expect(run.failures[0]?.message).toContain(`web2 is ${arch}`)
    })
  )

  it.effect("leaves everything else to other answers", () =>
    Effect.gen(function* () {
      const run = yield* rehearse(
        Answer.server("web2", { arch: "amd64", running: { web: "1.26" } }),
        Answer.when({ on: "web2", command: "jiji:replace.sh" }, Answer.fails("no space left on device"))
      )
      expect(run.unused).toEqual([])
      expect(run.failures.length).toBeGreaterThan(0)
    })
  )

  test("refuses what no server can be", () => {
    expect(() => Answer.server("", {})).toThrow("names no machine")
    expect(() => Answer.server("web1", { arch: "" })).toThrow("empty arch")
  })
})
