import { describe, expect } from "bun:test"
import { Effect, Layer, Stream } from "effect"
import { withFollowers } from "../../src/cli/withFollowers.ts"
import { Events } from "../../src/core/Events.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { Notices } from "../../src/reporters/Notices.ts"
import { feed, type Follower, type Reporter } from "../../src/reporters/Reporter.ts"
import { terminal } from "../../src/reporters/terminal.ts"
import { fail, pass } from "../pipeline/watch.ts"
import { it } from "../support/effect.ts"

const warning =
  "warning: Part of the output of this run is missing, because a reporter failed: broken\n" +
  "  → The run itself is not affected. This is a bug in jiji: please report it with this message."

const good = Pipeline.make("p").pipe(Pipeline.step(pass("a")), Pipeline.step(pass("b")))
const bad = Pipeline.make("p").pipe(Pipeline.step(fail("a")))

const broken = () => {
  throw new Error("broken")
}

/** Runs a pipeline with followers. Returns its exit, and what was printed on stderr. */
const runWith = <S, E>(pipeline: Pipeline.Pipeline<{}, S, E>, followers: ReadonlyArray<Follower>) =>
  Effect.gen(function* () {
    const printed: Array<string> = []
    const notices = { print: (line: string) => void printed.push(line), redirect: () => () => {} }
    const exit = yield* withFollowers(followers, Pipeline.run(pipeline, {})).pipe(
      Effect.exit,
      Effect.provideService(Notices, notices)
    )
    return { exit, printed: printed.join("\n") }
  }).pipe(Effect.provide(Events.layer.pipe(Layer.provideMerge(Scrubber.layer))))

describe("a follower that throws", () => {
  it.live("is reported once, gets the remaining events, and does not change how the run ends", () =>
    Effect.gen(function* () {
      for (const pipeline of [good, bad]) {
        const seen: Array<string> = []
        const others: Array<string> = []
        const reporter: Reporter = {
          event: ({ _tag }) => {
            seen.push(_tag)
            if (_tag.startsWith("Step")) broken()
          },
          end: broken
        }
        const other: Reporter = { event: ({ _tag }) => void others.push(_tag), end: () => {} }
        const { exit, printed } = yield* runWith<object, unknown>(pipeline, [feed(reporter), feed(other)])
        expect(exit._tag).toBe(pipeline === good ? "Success" : "Failure")
        expect(printed).toBe(warning)
        expect(seen).toEqual(others)
        expect(seen.at(-1)).toBe(pipeline === good ? "RunSucceeded" : "RunFailed")
      }
    })
  )

  it.live("is reported if it is not a reporter", () =>
    Effect.gen(function* () {
      const follower: Follower = (run) => Stream.runForEach(run, () => Effect.sync(broken))
      const { exit, printed } = yield* runWith(good, [follower])
      expect([exit._tag, printed]).toEqual(["Success", warning])
    })
  )

  it.live("is reported if it is the live view, whose later draws still work", () =>
    Effect.gen(function* () {
      let written = ""
      let calls = 0
      const write = (text: string) => {
        if (++calls === 1) broken()
        written += text
      }
      const { exit, printed } = yield* runWith(good, [terminal({ write, columns: 80, rows: 20, colors: false })])
      expect([exit._tag, printed]).toEqual(["Success", warning])
      expect(calls).toBeGreaterThan(0)
    })
  )
})
