import { expect, test } from "bun:test"
import { faults } from "../../docs/eventLines.ts"
import { compileFirst } from "../project.ts"
import { pipelines } from "./program.ts"

compileFirst()

const chatty = `import { Console, Effect } from "effect"
import { Pipeline, type Project, Runnable, Step } from "jiji"

console.log("first")

const talk = Step.make(
  "talk",
  Effect.fnUntraced(function* (_: { readonly project: Project }) {
    yield* Effect.log("it is", { fine: true })
    yield* Effect.logWarning("not really")
    yield* Effect.sync(() => console.log("by the way"))
    yield* Console.log("and so")
    yield* Effect.sync(() => process.stdout.write("on\\n"))
  })
)

export default Runnable.make({
  pipeline: Pipeline.make<{ readonly project: Project }>("chat").pipe(Pipeline.step(talk))
})
`

/** What the file and its step print. */
const written = "first\nby the way\nand so\non\n"

test("a step's logs are printed as its notes, also as JSON, and its other output goes to stderr", () => {
  using shop = pipelines({ ".jiji/pipelines/chat.ts": chatty })
  const lines = shop.jiji(["run", "chat"])
  expect(lines.stderr).toBe(written)
  expect(lines.stdout).toMatch(/^ +[\d.]+s {2}talk: it is \{ fine: true \}$/m)
  expect(lines.stdout).toMatch(/^ +[\d.]+s {2}talk: warning: not really$/m)
  const { code, stderr, stdout } = shop.jiji(["run", "chat", "--json"])
  expect([code, stderr, faults(stdout)]).toEqual([0, written, []])
  const notes = stdout.split("\n").filter((line) => line.includes('"StepNoted"'))
  expect(notes.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ path: "chat/talk", level: "info", text: expect.stringMatching(/^it is .*fine/s) }),
    expect.objectContaining({ path: "chat/talk", level: "warning", text: "not really" })
  ])
})

test("help and lists are on stdout, and what a pipeline file prints is on stderr", () => {
  using shop = pipelines({ ".jiji/pipelines/chat.ts": chatty })
  for (const [args, begins, printed] of [
    [["run", "chat", "--help"], "USAGE", "first\n"],
    // Does not run the file.
    [["list"], "Built-in", ""],
    [["list", "chat"], "flowchart", "first\n"]
  ] as const) {
    const { code, stderr, stdout } = shop.jiji(args)
    expect([code, stderr]).toEqual([0, printed])
    expect(stdout).toStartWith(begins)
  }
})

test("an error in a step is reported with its line in the file", () => {
  const canary = `import { Effect } from "effect"
import { Pipeline, type Project, Runnable, Step } from "jiji"

const step = Step.make("read", ({ project }: { readonly project: Project }) =>
  Effect.sync(() => void project.servers[7].name)
)
export default Runnable.make({
  description: "",
  pipeline: Pipeline.make<{ readonly project: Project }>("canary").pipe(Pipeline.step(step))
})
`
  using shop = pipelines({ ".jiji/pipelines/canary.ts": canary })
  const { code, stderr } = shop.jiji(["run", "canary"])
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/^error: .*undefined.* \(at \/.*\/\.jiji\/pipelines\/canary\.ts:5\)\n {2}→ .*\n$/)
  ])
})
