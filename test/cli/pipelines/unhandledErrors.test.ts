import { expect, setDefaultTimeout, test } from "bun:test"
import { faults } from "../../docs/eventLines.ts"
import { program } from "../../support/program.ts"
import { interruptUntilExit, until } from "../../support/waiting.ts"
import { compileFirst } from "../project.ts"
import { pipelines } from "./program.ts"

setDefaultTimeout(60_000)
compileFirst()

const pipelineFile = `import { Effect, Schema } from "effect"
import { Pipeline, type Project, Resource, Runnable, Step } from "jiji"
const { exit } = process
const flags = Schema.Struct({ how: Schema.String })
type Input = typeof flags.Type & { readonly project: Project }
const begun = (begin: () => void) => Effect.andThen(Effect.sync(begin), Effect.never)
const ways: Record<string, Effect.Effect<unknown>> = {
  exit: Effect.sync(() => { process.exit(0) }),
  swallowed: begun(() => { try { process.exit(3) } catch {} }),
  callback: begun(() => { setTimeout(() => { process.exit(0) }, 1) }),
  late: begun(() => { setTimeout(() => { throw new Error("too late") }, 1) }),
  rejected: begun(() => { void Promise.reject({ a: 1 }) }),
  unsettled: Effect.promise(() => new Promise(() => {})),
  kept: Effect.sync(() => exit(0)),
  waits: Effect.never
}
export default Runnable.make({
  description: "x",
  flags,
  pipeline: Pipeline.make<Input>("x").pipe(
    Pipeline.step(Step.make("hold", () => Effect.asVoid(Resource.acquire("lock", Effect.void, () => Effect.void)))),
    Pipeline.step(Step.make("tag", () => Effect.succeed({ tagged: 1 })).pipe(Step.undo(({ tagged }) => tagged === 1 && process.argv.includes("waits") ? Effect.never : Effect.log("untagged")))),
    Pipeline.step(Step.make("go", ({ how }: Input) => Effect.asVoid(ways[how] ?? Effect.void)))
  )
})
`

const files = { "x.ts": pipelineFile }
const line = (text: string) => pipelineFile.slice(0, pipelineFile.indexOf(text)).split("\n").length
const effects = "  → Let the step fail instead: `Effect.fail`.\n"
const wait =
  "  → Wait in a step for everything that it starts: `Effect.promise` for a promise, `Effect.callback` for a callback.\n"

test.each<[what: string, how: string, at: string, stderr: string]>([
  ["calls process.exit", "exit", "  exit:", `process.exit(0) was called during the run (at AT).\n${effects}`],
  [
    "catches its own process.exit",
    "swallowed",
    "  swallowed:",
    `process.exit(3) was called during the run (at AT).\n${effects}`
  ],
  [
    "calls process.exit in a callback",
    "callback",
    "  callback:",
    `process.exit(0) was called during the run (at AT).\n${effects}`
  ],
  ["throws in a callback", "late", "  late:", `Uncaught error: too late (at AT)\n${wait}`],
  ["rejects a promise that it does not await", "rejected", "", `Unhandled promise rejection: {"a":1}\n${wait}`],
  [
    "waits for a promise that never settles",
    "unsettled",
    "",
    "The run is stuck: it waits for something that can no longer happen.\n" +
      "  → Look in the steps for a promise that never settles or a callback that is never called.\n"
  ]
])("a step that %s fails the run, and all is undone and released", (_, how, at, message) => {
  using shop = pipelines(files)
  const { code, stderr, stdout } = shop.jiji(["run", "x.ts", "--how", how, "--json"])
  expect([code, stderr]).toEqual([1, `error: ${message.replace("AT", `${shop.root}/x.ts:${line(at)}`)}`])
  expect(faults(stdout)).toEqual([])
  const events = stdout
    .trim()
    .split("\n")
    .map((text) => JSON.parse(text))
  const of = (tag: string) => events.filter(({ _tag }) => _tag === tag)
  expect(events.at(-1)).toMatchObject({ _tag: "RunFailed", failures: [{ message: expect.any(String) }] })
  expect(of("StepSucceeded").map(({ path }) => path)).toContain("x/tag/undo")
  expect(of("ResourceReleased")).toMatchObject([{ resource: "lock", clean: true }])
  const [last = "{}"] = shop.jiji(["runs", "--json"]).stdout.split("\n")
  expect(JSON.parse(last).outcome).toBe("failed")
  expect(shop.jiji(["run", "x.ts", "--how", how, "--dry-run"]).code).toBe(1)
})

test("an exit that cannot be blocked fails, and lists what was left behind", () => {
  using shop = pipelines(files)
  expect(shop.jiji(["run", "x.ts", "--how", "kept"])).toMatchObject({
    code: 1,
    stderr:
      `error: Something ended jiji during the run, with exit code 0.\n${effects}` +
      "left behind:\n  lock\n" +
      "steps done and not undone:\n  x/tag\n" +
      "  → Commands may have stopped halfway. If this was a deploy, run it again: it cleans up.\n"
  })
})

test("the first signal is acknowledged, a second one lists what is not undone, and the run history has the outcome", async () => {
  using shop = pipelines(files)
  const start = (args: ReadonlyArray<string>) =>
    Bun.spawn([program, ...args], {
      cwd: shop.root,
      env: shop.env,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe"
    })
  const outcome = async (): Promise<unknown> => {
    const [last = ""] = (await new Response(start(["runs", "--json", "-n", "1"]).stdout).text()).split("\n")
    return last === "" ? undefined : JSON.parse(last).outcome
  }
  const child = start(["run", "x.ts", "--how", "waits", "--json"])
  let shown = ""
  for await (const bytes of child.stdout) if (/"StepStarted"[^\n]*x\/go"/.test((shown += Buffer.from(bytes)))) break
  child.kill("SIGTERM")
  const stderr = child.stderr.getReader()
  const decoder = new TextDecoder()
  // The undo is still running, so this is all that can be read.
  expect(decoder.decode((await stderr.read()).value)).toBe("interrupted: stopping\n")
  await until(outcome, (now) => now === "running")
  await interruptUntilExit(() => child.kill("SIGTERM"), child.exited)
  expect(decoder.decode((await stderr.read()).value)).toBe(
    "\nexited immediately\nleft behind:\n  lock\n" +
      "steps done and not undone:\n  x/tag\n" +
      "  → Commands may have stopped halfway. If this was a deploy, run it again: it cleans up.\n"
  )
  expect(await child.exited).toBe(130)
  expect(await outcome()).toBe("interrupted")
})
