import { describe, expect } from "bun:test"
import { Cause, Effect, Exit } from "effect"
import { type LogLine, logs, OutputClosed } from "../../../src/steps/LogsPipeline.ts"
import * as Answer from "../../../src/testing/Answer.ts"
import * as Rehearsal from "../../../src/testing/Rehearsal.ts"
import { it } from "../../support/effect.ts"
import { project, server, service } from "../rehearsal.ts"

const at = (second: number) => `2026-11-29T14:00:${String(second).padStart(2, "0")}.000000000Z`
const shop = project({
  servers: [server("web1"), server("web2")],
  services: [service("web", ["web1", "web2"]), service("api", ["web2"])]
})

const printed = (lines: Readonly<Record<number, string>>) =>
  Answer.says(
    `= 1 abc shop-web web\n${Object.entries(lines)
      .map(([second, text]) => `${at(Number(second))} 1 ${text}\n`)
      .join("")}`
  )

/** Rehearses `jiji logs`. */
const rehearse = (
  answers: ReadonlyArray<Answer.Answer>,
  query: { readonly follow?: boolean; readonly tail?: number; readonly since?: string; readonly closes?: boolean } = {}
) => {
  const { closes = false, follow = false, ...limits } = query
  const written: Array<string> = []
  const write = (lines: ReadonlyArray<LogLine>) => {
    written.push(...lines.map(({ server, text }) => `${server}: ${text}`))
    return closes ? Effect.fail(new OutputClosed()) : Effect.void
  }
  const input = { project: shop, query: { follow, ...limits }, write }
  return Effect.map(Rehearsal.run(logs, input, { answers, dryRun: false }), (rehearsed) => ({
    ...rehearsed,
    written,
    warnings: rehearsed.events.flatMap((event) =>
      event._tag === "StepNoted" && event.level === "warning" ? [`${event.path} ${event.text}`] : []
    )
  }))
}

describe("jiji logs", () => {
  it.effect("reads each server once, and merges the lines by time", () =>
    Effect.gen(function* () {
      const { exit, on, written } = yield* rehearse(
        [
          Answer.when({ on: "web1", command: "jiji:logs.sh" }, printed({ 1: "a", 3: "c" })),
          Answer.when({ on: "web2", command: "jiji:logs.sh" }, Answer.slow("5 seconds", printed({ 2: "b", 4: "d" })))
        ],
        { tail: 100 }
      )
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(written).toEqual(["web1: a", "web2: b", "web1: c", "web2: d"])
      expect(on("web2")).toEqual([
        "# open the SSH connection",
        "jiji:probe.sh engine=docker project=shop",
        "jiji:logs.sh engine=docker project=shop services='web api' tail=100"
      ])
    })
  )

  it.effect("goes on with the servers that are left, says at once which one is lost, and fails at the end", () =>
    Effect.gen(function* () {
      const { failures, warnings, written } = yield* rehearse([
        Answer.unreachable("web1"),
        Answer.when({ on: "web2", command: "jiji:logs.sh" }, Answer.slow("1 minute", printed({ 2: "b" })))
      ])
      expect(written).toEqual(["web2: b"])
      expect(failures.map(({ tag }) => tag)).toEqual(["HostUnreachable"])
      expect(warnings).toHaveLength(1)
      expect(warnings[0]).toStartWith("logs/read/servers[web1]/connect its lines are missing from here on. web1 (")
    })
  )

  it.effect("writes what a server sent before it was lost", () =>
    Effect.gen(function* () {
      const lost = Answer.cutOff(`= 1 abc shop-web web\n${at(1)} 1 a\n`)
      const { failures, written } = yield* rehearse([
        Answer.when({ on: "web1", command: "jiji:logs.sh" }, lost),
        Answer.when({ on: "web2", command: "jiji:logs.sh" }, printed({ 2: "b" }))
      ])
      expect(failures.map(({ tag }) => tag)).toEqual(["ConnectionLost"])
      expect(written).toContain("web2: b")
    })
  )

  it.effect("follows each container from its last line, and does not print it twice", () =>
    Effect.gen(function* () {
      const { entries, written } = yield* rehearse(
        [
          Answer.when(
            { on: "web1", command: "jiji:logs.sh" },
            printed({ 1: "a", 3: "c" }),
            printed({ 3: "c", 5: "e" })
          ),
          Answer.when({ on: "web2", command: "jiji:logs.sh" }, printed({ 2: "b" }), printed({ 2: "b" }))
        ],
        { follow: true }
      )
      expect(written).toEqual(["web1: a", "web2: b", "web1: c", "web1: e"])
      const known = entries.flatMap((entry) =>
        entry._tag === "Command" && entry.command.script === "logs" ? [entry.command.arguments?.["known"]] : []
      )
      expect(known.toSorted()).toEqual(["", "", `abc=${at(2)}`, `abc=${at(3)}`])
    })
  )

  it.effect("with -n 0, begins after the last line, which it does not print", () =>
    Effect.gen(function* () {
      const answer = Answer.when("jiji:logs.sh", printed({ 1: "a" }), printed({ 1: "a", 2: "b" }))
      const { written } = yield* rehearse([answer], { follow: true, tail: 0 })
      expect(written.toSorted()).toEqual(["web1: b", "web2: b"])
    })
  )

  it.effect("fails if nothing is deployed, unless it follows", () =>
    Effect.gen(function* () {
      const { failures, warnings } = yield* rehearse([])
      expect(failures.map(({ message }) => message)).toEqual(["There is no container of web or api on web1 or web2."])
      expect(warnings).toEqual([
        "logs/read/servers[web1]/logs no container of web yet; to start one: jiji deploy",
        "logs/read/servers[web2]/logs no container of web or api yet; to start one: jiji deploy"
      ])
    })
  )

  it.effect("stops reading when nobody reads its output any more", () =>
    Effect.gen(function* () {
      const answers = [
        Answer.when({ on: "web1", command: "jiji:logs.sh" }, printed({ 1: "a" }), Answer.hangs),
        Answer.when({ on: "web2", command: "jiji:logs.sh" }, printed({ 2: "b" }), Answer.hangs)
      ]
      const { exit, held } = yield* rehearse(answers, { follow: true, closes: true })
      const errors = Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isFailReason).map(({ error }) => error) : []
      expect(errors).toEqual([new OutputClosed()])
      expect(held.every(({ released }) => released)).toBe(true)
    })
  )

  it.effect("fails with what the engine says", () =>
    Effect.gen(function* () {
      const message = "Error response from daemon: configured logging driver does not support reading"
      const { failures } = yield* rehearse([
        Answer.when({ on: "web2", command: "jiji:logs.sh" }, Answer.fails(message))
      ])
      expect(failures[0]?.message).toBe(`docker failed to read logs on web2 (exit code 1): ${message}`)
    })
  )
})
