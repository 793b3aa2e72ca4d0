import { expect, test } from "bun:test"
import { pipelines } from "./pipelines/program.ts"
import { compileFirst, project } from "./project.ts"
import { files } from "./shop.ts"

compileFirst()

const warning =
  /^warnings:\n {2}deploy\/version: The version is a hash of the files to build, because git cannot read .*\n\n/m

test("a dry run prints the warnings of steps, such as git's message", () => {
  using shop = project({ ...files, ".git/HEAD": "broken\n" })
  const { code, stderr, stdout } = shop.jiji(["deploy", "--dry-run"])
  expect([code, stderr]).toEqual([0, ""])
  expect(stdout).toMatch(warning)
  expect(stdout).not.toContain("logged by steps:")
})

test("a dry run without warnings has no heading for them", () => {
  using shop = project(files)
  expect(shop.jiji(["deploy", "--dry-run"]).stdout).not.toContain("warnings:")
})

test("a dry run prints what a step logs only once, and warnings that it publishes apart", () => {
  using shop = pipelines({
    "x.ts": `import { Effect } from "effect"
import { Events, Pipeline, Step } from "jiji"
export default Pipeline.make("x").pipe(
  Pipeline.step(
    Step.make("s", () =>
      Effect.andThen(
        Effect.logWarning("logged"),
        Effect.flatMap(Events, ({ publish }) => publish({ _tag: "StepNoted", level: "warning", text: "published" }))
      )
    )
  )
)
`
  })
  const { stderr, stdout } = shop.jiji(["run", "x.ts", "--dry-run"])
  expect(stdout).toEndWith("\nwarnings:\n  x/s: published\n\nlogged by steps:\n  x/s: logged\n")
  expect(stderr).toBe("")
})
