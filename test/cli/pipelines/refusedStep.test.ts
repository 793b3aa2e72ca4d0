import { describe, expect, test } from "bun:test"
import { compileFirst } from "../project.ts"
import { pipelines } from "./program.ts"

compileFirst()

const file = (body: string) => `import { Effect, Schedule } from "effect"
import { HttpClient, FetchHttpClient } from "effect/http"
import { Pipeline, Step } from "jiji"
const step = Step.make("own", Effect.fn(function* () { ${body} }))
export default Pipeline.make("own").pipe(Pipeline.step(Step.make("before", () => Effect.succeed({})).pipe(Step.undo(() => Effect.void))), Pipeline.step(step))
`

interface Line {
  readonly _tag: string
  readonly path: string
  readonly failures?: ReadonlyArray<{ readonly tag: string }>
}

describe("a step of a dry run fails because it calls", () => {
  const url = "http://127.0.0.1:1/"
  test.each([
    ["fetch", `yield* Effect.promise(() => fetch("${url}"))`],
    ["fetch, and wraps its error", `yield* Effect.tryPromise({ try: () => fetch("${url}"), catch: () => "down" })`],
    ["fetch, and ignores its error", `yield* Effect.ignore(Effect.tryPromise(() => fetch("${url}")))`],
    ["fetch, and does not wait", `yield* Effect.sync(() => { fetch("${url}").catch(() => {}) })`],
    [
      "fetch, and retries for hours",
      `yield* Effect.retry(Effect.tryPromise(() => fetch("${url}")), Schedule.spaced("1 hour"))`
    ],
    [
      "fetch in a child fiber",
      `yield* Effect.all([Effect.promise(() => fetch("${url}")), Effect.never], { concurrency: 2 })`
    ],
    ["fetch through HttpClient", `yield* HttpClient.get("${url}").pipe(Effect.provide(FetchHttpClient.layer))`],
    ["WebSocket", `yield* Effect.ignore(Effect.try(() => new WebSocket("${url}")))`]
  ])("%s", (_, body) => {
    using shop = pipelines({ "x.ts": file(body) })
    const { code, stderr, stdout } = shop.jiji(["run", "x.ts", "--dry-run", "--json"])
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line): Line => JSON.parse(line))
    const ends = lines.filter(({ _tag, path }) => path === "own/own" && _tag !== "StepStarted")
    expect(ends).toMatchObject([{ _tag: "StepFailed", failures: [{ tag: "NotSimulated" }] }])
    expect(lines.at(-1)).toMatchObject({ _tag: "RunFailed", failures: [{ tag: "NotSimulated" }] })
    expect(lines.map(({ path }) => path)).toContain("own/before/undo")
    expect(code).toBe(1)
    expect(stderr.match(/cannot simulate/g)).toHaveLength(1)
  })
})
