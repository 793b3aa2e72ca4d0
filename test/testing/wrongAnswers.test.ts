import { describe, expect, test } from "bun:test"
import { Effect } from "effect"
import * as Answer from "../../src/testing/Answer.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { it } from "../support/effect.ts"
import { asking } from "./rehearsing.ts"

/** A test may be written in JavaScript, or with casts. */
const untyped = (value: unknown) => value as never

describe("a wrong reply in a rehearsal", () => {
  const cases: ReadonlyArray<readonly [name: string, reply: Answer.Reply, shown: string]> = [
    ["is a text", untyped("hello"), '"hello"'],
    ["returns no Effect", untyped(() => ({ stdout: "hello" })), '{"stdout":"hello"}'],
    [
      "has no number as exit code",
      () => Effect.succeed(untyped({ stdout: "", stderr: "", exitCode: "0" })),
      '"exitCode":"0"'
    ],
    ["has a number as output", Answer.says(untyped(7)), '"stdout":7'],
    ["is undefined", () => Effect.succeed(untyped(undefined)), "undefined"]
  ]
  for (const [name, reply, shown] of cases) {
    it.effect(`that ${name} fails the step, and the error names the step, the command and the reply`, () =>
      Effect.gen(function* () {
        const { failures } = yield* Rehearsal.run(
          asking("ask"),
          {},
          { answers: [Answer.when({ on: "web1", command: "ask" }, reply)] }
        )
        const [failure] = failures
        expect(failure?.tag).toBe("WrongAnswer")
        expect(failure?.message).toStartWith(
          'The answer "ask on web1" gave ask/servers[web1]/there the wrong reply to "ask'
        )
        expect(failure?.message).toContain(shown)
      })
    )
  }
})

test("a wrong port or status of an answer is refused where it is written, with the value", () => {
  expect(() => Answer.portTaken("web1", 70_000)).toThrow("Answer.portTaken got the port 70000: pass a whole number")
  expect(() => Answer.registry(untyped(418))).toThrow("Answer.registry got 418: pass one of 401, 403")
})
