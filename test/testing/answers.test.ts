import { describe, expect } from "bun:test"
import { Effect } from "effect"
import * as Answer from "../../src/testing/Answer.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { it } from "../support/effect.ts"
import { asking } from "./rehearsing.ts"

const retries = ({ events }: Rehearsal.RehearsalResult<unknown, unknown>) =>
  events.flatMap((event) => (event._tag === "StepRetried" ? [`${event.path} ${event.attempt}`] : []))

describe("the answers of a script", () => {
  const ask = (...answers: ReadonlyArray<Answer.Answer>) =>
    Effect.map(Rehearsal.run(asking("ask"), {}, { answers }), retries)
  const bad = Answer.fails("")
  const there = (...replies: readonly [Answer.Reply, ...ReadonlyArray<Answer.Reply>]) =>
    Answer.when({ on: "web*", command: "ask" }, ...replies)
  const path = (name: string) => `ask/servers[${name}]/there`

  it.effect("reply in turn for each machine separately, and repeat the last reply", () =>
    Effect.gen(function* () {
      expect(yield* ask(there(bad, bad, Answer.usual))).toEqual([
        `${path("web1")} 1`,
        `${path("web2")} 1`,
        `${path("web1")} 2`,
        `${path("web2")} 2`
      ])
      expect(yield* ask(there(Answer.usual, bad))).toEqual([])
    })
  )

  it.effect("can be limited to the first attempts or to one attempt", () =>
    Effect.gen(function* () {
      const web1 = Answer.when({ on: "web1", command: "ask" }, bad)
      expect(yield* ask(Answer.times(2, web1))).toEqual([`${path("web1")} 1`, `${path("web1")} 2`])
      expect(yield* ask(Answer.nth(1, web1))).toEqual([`${path("web1")} 1`])
      expect(yield* ask(Answer.nth(2, web1))).toEqual([])
      expect(yield* ask(Answer.times(1, Answer.unreachable("web2")))).toEqual([`${path("web2")} 1`])
    })
  )

  it.effect("count in order: the first match wins, and the others stay unused", () =>
    Effect.gen(function* () {
      const run = yield* Rehearsal.run(
        asking("ask"),
        {},
        { answers: [Answer.when("other", bad), Answer.when(/^as/, Answer.says("one")), Answer.when("*", bad)] }
      )
      expect(run.exit).toMatchObject({ value: { said: "one" } })
      expect(run.unused).toEqual(["other", "*"])
    })
  )
})
