import { describe, expect, test } from "bun:test"
import { Effect } from "effect"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"

interface State {
  readonly server: { readonly name: string }
  readonly servers: ReadonlyArray<string>
  readonly loud?: boolean
}
// A file without type checking can start such a pipeline with any input.
const start = (pipeline: Pipeline.Pipeline<State, unknown, unknown>, input: object = {}) =>
  Effect.runPromise(Rehearsal.run(pipeline, input as State))

const named = Pipeline.make<State>("p")
const uses = ({ loud, server }: State) => Effect.log(server.name, loud)
const body = Pipeline.make<{ readonly x: string }>("b")

describe("a key that the state does not have is named if a function fails because of it", () => {
  const cases: ReadonlyArray<readonly [string, Pipeline.Pipeline<State, unknown, unknown>, string]> = [
    [
      "in a step",
      named.pipe(Pipeline.step(Step.make("s", uses))),
      'The pipeline\'s state has no `loud` or `server` for the step "s"'
    ],
    [
      "in a later part of a step",
      named.pipe(
        Pipeline.step(
          Step.make("s", (state: State) => Effect.andThen(Effect.void, () => Effect.log(state.server.name)))
        )
      ),
      'The pipeline\'s state has no `server` for the step "s"'
    ],
    [
      "by destructuring",
      named.pipe(Pipeline.step(Step.make("s", ({ server: { name } }: State) => Effect.log(name)))),
      'The pipeline\'s state has no `server` for the step "s"'
    ],
    [
      "in skipWhen",
      named.pipe(
        Pipeline.step(Step.make("s", () => Effect.void).pipe(Step.skipWhen((state: State) => state.server.name)))
      ),
      'The pipeline\'s state has no `server` for the skipWhen of the step "s"'
    ],
    [
      "in a condition",
      named.pipe(
        Pipeline.when({
          if: (state: State) => state.server.name === "a",
          reason: "r",
          body: Step.make("s", () => Effect.void)
        })
      ),
      'The pipeline\'s state has no `server` for the condition of "s"'
    ],
    [
      "in the items of a forEach",
      named.pipe(
        Pipeline.forEach({ name: "xs", as: "x", items: (state: State) => state.servers.toSorted(), key: String, body })
      ),
      'The pipeline\'s state has no `servers` for the items of "xs"'
    ]
  ]
  for (const [where, pipeline, message] of cases) {
    test(where, async () => {
      const { failures } = await start(pipeline)
      const [failure] = failures
      expect(failures).toHaveLength(1)
      expect(failure?.tag).toBe("StateIncomplete")
      expect(failure?.message).toStartWith(`${message}: `)
      expect(failure?.message).toMatch(/: (undefined is not an object|Cannot destructure) .*\(at \/.*:\d+\)$/)
      expect(failure?.remedy).toContain("`jiji run` provides only `project` and the pipeline's flags.")
    })
  }

  test("but not if it fails for another reason, or reads an optional key", async () => {
    const fails = (run: (state: State) => unknown) =>
      start(named.pipe(Pipeline.step(Step.make("s", (state: State) => Effect.sync(() => void run(state))))), {
        server: { name: "a" }
      })
    const broken = await fails(({ loud }) => {
      throw new Error(`undefined or ${loud}`)
    })
    expect(broken.failures).toMatchObject([
      { tag: "Defect", message: expect.stringContaining("undefined or undefined") }
    ])
    expect((await fails(({ loud, server }) => [loud, server.name])).failures).toEqual([])
  })
})

test("the state of a step is an ordinary object", async () => {
  const seen: Array<unknown> = []
  const look = Step.make("look", (state: State) =>
    Effect.sync(() => {
      const keys: Array<string> = []
      for (const key in state) keys.push(key)
      seen.push(structuredClone(state), { ...state }, JSON.parse(JSON.stringify(state)), keys, "loud" in state)
      seen.push(state instanceof Object, String(state), Object.hasOwn(state, "server"))
    })
  )
  const input = { server: { name: "a" } }
  expect((await start(named.pipe(Pipeline.step(look)), input)).failures).toEqual([])
  expect(seen).toEqual([input, input, input, ["server"], false, true, "[object Object]", true])
})
