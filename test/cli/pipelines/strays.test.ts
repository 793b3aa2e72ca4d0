import { expect, setDefaultTimeout, test } from "bun:test"
import { faults } from "../../docs/eventLines.ts"
import { bundleWhole, pipelines, whole } from "./program.ts"

setDefaultTimeout(60_000)
bundleWhole()

const stray = `import { Effect, Schema } from "effect"
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

const files = { "x.ts": stray }
const line = (text: string) => stray.slice(0, stray.indexOf(text)).split("\n").length
const effects = "  → Let the step fail instead: `Effect.fail`.\n"
const wait =
  "  → Wait in a step for everything that it starts: `Effect.promise` for a promise, `Effect.callback` for a callback.\n"

test.each<[what: string, how: string, at: string, stderr: string]>([
  ["calls process.exit", "exit", "  exit:", `process.exit(0) was called during the run (at AT).\n${effects}`],
  ["catches that", "swallowed", "  swallowed:", `process.exit(3) was called during the run (at AT).\n${effects}`],
  ["has a callback do so", "callback", "  callback:", `process.exit(0) was called during the run (at AT).\n${effects}`],
  ["throws when nobody waits", "late", "  late:", `Uncaught error: too late (at AT)\n${wait}`],
  ["lets a promise fail", "rejected", "", `Unhandled promise rejection: {"a":1}\n${wait}`],
  [
    "waits for what never comes",
    "unsettled",
    "",
    "The run is stuck: it waits for something that can no longer happen.\n" +
      "  → Look in the steps for a promise that never settles or a callback that is never called.\n"
  ]
])("a step that %s fails the run, which is undone and released", (_, how, at, said) => {
  using shop = pipelines(files)
  const { code, stderr, stdout } = shop.jiji(["run", "x.ts", "--how", how, "--json"])
  expect([code, stderr]).toEqual([1, `error: ${said.replace("AT", `${shop.root}/x.ts:${line(at)}`)}`])
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

test("an exit that cannot be held up is no success either, and says what it left", () => {
  using shop = pipelines(files)
  expect(shop.jiji(["run", "x.ts", "--how", "kept"])).toMatchObject({
    code: 1,
    stderr:
      `error: Something ended jiji during the run, with exit code 0.\n${effects}` +
      "this was still held, and may be left:\n  lock\n" +
      "these steps were done, and not undone:\n  x/tag\n" +
      "  → What ran may be half done, too. Where that was a deploy, the next one mends it.\n"
  })
})

test("the first signal is answered at once; the second names what is not undone, and the record knows of it", async () => {
  using shop = pipelines(files)
  const start = (args: ReadonlyArray<string>) =>
    Bun.spawn([process.execPath, whole, ...args], {
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
  const done = child.exited.then(() => true)
  child.kill("SIGTERM")
  const stderr = child.stderr.getReader()
  const decoder = new TextDecoder()
  // Nothing but this can be read while the undo goes on.
  expect(decoder.decode((await stderr.read()).value)).toBe("interrupted: ending what runs\n")
  while ((await outcome()) !== "running") await Bun.sleep(50)
  do child.kill("SIGTERM")
  while (!(await Promise.race([done, Bun.sleep(50).then(() => false)])))
  expect(decoder.decode((await stderr.read()).value)).toBe(
    "\nstopped at once\nthis was still held, and may be left:\n  lock\n" +
      "these steps were done, and not undone:\n  x/tag\n" +
      "  → What ran may be half done, too. Where that was a deploy, the next one mends it.\n"
  )
  expect(await child.exited).toBe(130)
  expect(await outcome()).toBe("interrupted")
})
