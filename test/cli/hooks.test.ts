import { describe, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Layer, Schema, Sink, Stdio, Stream } from "effect"
import { hooked } from "../../src/cli/hooks/withHooks.ts"
import { prepare } from "../../src/cli/hooks/Hooks.ts"
import { hookLines } from "../../src/cli/hooks/hookLines.ts"
import { isTold, variables } from "../../src/cli/hooks/hookEvents.ts"
import type { Hook } from "../../src/config/hooks.ts"
import type { Project } from "../../src/config/Project.ts"
import { Secrets } from "../../src/layers/secrets/Secrets.ts"
import { Processes } from "../../src/layers/processes/Processes.ts"
import { Event } from "../../src/core/Event.ts"
import { Events } from "../../src/core/Events.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Platform from "../../src/layers/Platform.ts"
import { it } from "../effect.ts"

type HookOf = Partial<Hook> & Pick<Hook, "on" | "command">

const hook = (more: HookOf): Hook => ({
  name: "tell",
  environment: { clear: {}, secrets: [] },
  timeout: Duration.seconds(30),
  required: false,
  ...more
})

/** The words of a line of shell. */
const sh = (line: string) => ["sh", "-c", line]

class Broken extends Schema.TaggedError<Broken>()("Broken", {}) {
  override get message() {
    return "It broke."
  }
  readonly remedy = "Mend it."
  readonly exitCode = 69
}

const shop = (root: string, hooks: ReadonlyArray<Hook>): Project => ({
  name: "shop",
  environment: "staging",
  root,
  engine: "docker",
  registry: { type: "local", port: 9270 },
  servers: [],
  services: [],
  hooks
})

const good = Pipeline.make("deploy").pipe(
  Pipeline.step(
    Step.make("version", () => Effect.succeed({ version: "v7" }), { result: Schema.Struct({ version: Schema.String }) })
  ),
  Pipeline.step(Step.make("pull", () => Effect.void))
)
const bad = Pipeline.make("deploy").pipe(Pipeline.step(Step.make("pull", () => new Broken())))

/** A new folder, gone with the scope. */
const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "jiji-hooks-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** Runs a pipeline with hooks, as a command does, in a folder. */
const runWith = Effect.fnUntraced(function* <E>(
  root: string,
  hooks: ReadonlyArray<HookOf>,
  pipeline: Pipeline.Pipeline<{}, object, E>,
  env: Readonly<Record<string, string>> = {}
) {
  const project = shop(root, hooks.map(hook))
  const said: Array<string | Uint8Array> = []
  const told: Array<Event> = []
  const stderr = () => Sink.forEach((piece: string | Uint8Array) => Effect.sync(() => void said.push(piece)))
  const secrets = Secrets.layer({ root, env }).pipe(Layer.provide(Processes.layer))
  const prepared = prepare(project, project.hooks ?? []).pipe(Effect.provide(Layer.mergeAll(Processes.layer, secrets)))
  const exit = yield* Effect.gen(function* () {
    const stream = yield* (yield* Events).subscribe
    yield* Effect.forkScoped(
      Stream.runForEach(stream, (event) => Effect.sync(() => told.push(event))),
      { startImmediately: true }
    )
    return yield* Effect.exit(hooked(prepared, (begun) => Pipeline.run(pipeline, {}, begun)))
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Layer.merge(Events.layer, Stdio.layerTest({ stderr })).pipe(
        Layer.provideMerge(Scrubber.layer),
        Layer.provideMerge(Platform.layer)
      )
    )
  )
  return { exit, told, said: said.join("") }
})

const read = (root: string, name: string) => readFileSync(join(root, name), "utf8")

/** Whether a process does anything: one that has ended may wait for its parent to ask how. */
const isRunning = (pid: string): boolean => {
  const { stdout } = Bun.spawnSync(["ps", "-o", "stat=", "-p", pid])
  return !["", "Z"].includes(stdout.toString().trim().slice(0, 1))
}

const error = (exit: Exit.Exit<unknown, unknown>) => (Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined)

describe("a hook", () => {
  it.live("gets the event as JSON on stdin, and what happened in its environment, in the project's folder", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const line = "cat > event.json; env | grep ^JIJI_ | grep -v ^JIJI_RUN= | sort > env"
      const environment = { clear: { GREETING: "hello $USER" }, secrets: ["TOKEN"] }
      const { exit, said, told } = yield* runWith(
        root,
        [
          { name: "last", on: ["run.succeeded"], command: sh(line) },
          { on: ["run.succeeded"], command: sh('printf "%s %s" "$GREETING" "$TOKEN" > own'), environment }
        ],
        good,
        { TOKEN: "hunter22hunter" }
      )
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(said).toBe("")
      const event = yield* Schema.decodeEffect(Schema.fromJsonString(Event))(read(root, "event.json"))
      expect(event).toEqual(told.at(-1) ?? event)
      expect(event._tag).toBe("RunSucceeded")
      expect(
        read(root, "env")
          .replace(/\d+(?: ms)?\n/g, "N\n")
          .split("\n")
      ).toEqual([
        "JIJI_ENVIRONMENT=staging",
        "JIJI_EVENT=run.succeeded",
        "JIJI_HOOK=last",
        "JIJI_MESSAGE=deploy of shop (staging) succeeded after N",
        "JIJI_MILLIS=N",
        "JIJI_OUTCOME=succeeded",
        "JIJI_PATH=deploy",
        "JIJI_PROJECT=shop",
        "JIJI_VERSION=vN",
        ""
      ])
      expect(read(root, "own")).toBe("hello $USER hunter22hunter")
      expect(JSON.stringify(told)).not.toContain("hunter22")
    })
  )

  it.live("is one of those of an event that run in the order of the file, those of its end last", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const say = (what: string) => sh(`sleep 0.0${what.length}; echo ${what} $JIJI_EVENT $JIJI_PATH >> said`)
      yield* runWith(
        root,
        [
          { on: ["run.failed"], command: say("one") },
          { on: ["step.failed", "run.failed", "run.succeeded"], command: say("second") },
          { on: ["step.started"], command: say("three") }
        ],
        bad
      )
      expect(read(root, "said").split("\n")).toEqual([
        "three step.started deploy/pull",
        "second step.failed deploy/pull",
        "one run.failed deploy",
        "second run.failed deploy",
        ""
      ])
    })
  )

  it.live("that fails, is not there, or prints a secret is warned of, and the run is as it was", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const environment = { clear: {}, secrets: ["TOKEN"] }
      const { exit, said, told } = yield* runWith(
        root,
        [
          { name: "first", on: ["run.started"], command: sh('echo "no $TOKEN" >&2; exit 3'), environment },
          { name: "second", on: ["run.succeeded"], command: ["./missing"] },
          { name: "nowhere", on: ["run.succeeded"], command: ["missing-program"] },
          { name: "third", on: ["run.succeeded"], command: sh("exec 0<&-; sleep 0.1") }
        ],
        good,
        { TOKEN: "hunter22hunter" }
      )
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(said).toContain("warning: The hook first failed on run.started: exit code 3: no <redacted>.\n  → ")
      expect(said).toContain("second failed on run.succeeded: exit code 127: ./missing is not there.\n")
      expect(said).toContain(
        "nowhere failed on run.succeeded: exit code 127: missing-program is in no folder of PATH.\n"
      )
      expect(said).not.toContain("third")
      expect(told.at(-1)?._tag).toBe("RunSucceeded")
    })
  )

  it.live("that fails draws nothing on the terminal, and orders nothing of a CI", () =>
    Effect.gen(function* () {
      const command = sh("printf '\\033[2J##[error]no\\n::stop-commands::x\\n' >&2; exit 3")
      const { said } = yield* runWith(yield* folder, [{ name: "rude", on: ["run.succeeded"], command }], good)
      expect(said).toStartWith(
        "warning: The hook rude failed on run.succeeded: exit code 3: # #[error]no\n  | ::stop-commands::x.\n  → "
      )
    })
  )

  it.live("that hangs is ended when its time is up, with all that it has started", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const line = "trap '' TERM; sleep 600 & echo $! > child; echo $$ > own; wait; wait"
      const { exit, said } = yield* runWith(
        root,
        [{ on: ["run.succeeded"], command: sh(line), timeout: Duration.millis(500) }],
        good
      )
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(said).toContain(
        "warning: The hook tell failed on run.succeeded: it took longer than 0.5 s and was stopped.\n"
      )
      for (const name of ["own", "child"]) expect(isRunning(read(root, name).trim())).toBe(false)
    })
  )

  it.live("that hands long work on and ends is done, and that work goes on", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const work = "(trap '' PIPE; while [ ! -e enough ]; do sleep 0.1; done; touch done) & echo $! > child"
      const hooks = [
        { name: "well", on: ["run.succeeded" as const], command: sh(`${work}; exit 0`), timeout: Duration.seconds(20) },
        { name: "badly", on: ["run.succeeded" as const], command: sh("sleep 600 & echo $! > left; echo no; exit 3") }
      ]
      const { exit, said } = yield* runWith(root, hooks, good)
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(said).toMatch(/^warning: The hook badly failed on run\.succeeded: exit code 3: no\.\n[^\n]*\n$/)
      expect(isRunning(read(root, "left").trim())).toBe(false)
      expect(isRunning(read(root, "child").trim())).toBe(true)
      writeFileSync(join(root, "enough"), "")
      while (isRunning(read(root, "child").trim())) yield* Effect.sleep("20 millis")
      expect(existsSync(join(root, "done"))).toBe(true)
    })
  )

  it.live("that is slow does not slow the run, and what it cannot keep up with is counted", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const open = yield* Deferred.make<void>()
      let steps: Pipeline.Pipeline<{}, object> = Pipeline.make("deploy")
      for (let n = 0; n < 150; n++) steps = steps.pipe(Pipeline.step(Step.make(`step${n}`, () => Effect.void)))
      const whole = steps.pipe(Pipeline.step(Step.make("last", () => Effect.asVoid(Deferred.succeed(open, undefined)))))
      const running = yield* Effect.forkChild(
        runWith(root, [{ on: ["step.succeeded"], command: ["sleep", "600"] }], whole)
      )
      yield* Deferred.await(open)
      const { exit, said } = yield* Fiber.join(running)
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(said).toMatch(/^warning: 15\d events passed the hooks by/)
    })
  )
})

describe("a required hook", () => {
  it.live("of the run's beginning holds the run until it has ended", () =>
    Effect.gen(function* () {
      const root = yield* folder
      let there = false
      const look = Step.make("look", () => Effect.sync(() => void (there = existsSync(join(root, "done")))))
      const hooks = [{ on: ["run.started" as const], command: sh("sleep 0.2; touch done"), required: true }]
      const { exit } = yield* runWith(root, hooks, Pipeline.make("deploy").pipe(Pipeline.step(look)))
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(there).toBe(true)
    })
  )

  it.live("that fails there is what the run fails with, before any step", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const { exit, said, told } = yield* runWith(
        root,
        [
          { name: "freeze", on: ["run.started"], command: sh("echo frozen; exit 1"), required: true },
          { name: "after", on: ["run.failed"], command: sh('printf %s "$JIJI_MESSAGE" > message') }
        ],
        good
      )
      expect(error(exit)).toMatchObject({ _tag: "HookFailed", hook: "freeze", exitCode: 1 })
      expect(told.map(({ _tag }) => _tag)).toEqual(["RunStarted", "RunFailed"])
      expect(said).toBe("")
      expect(read(root, "message")).toMatch(
        /^deploy of shop \(staging\) failed after .*: The hook freeze failed on run.*frozen\.$/
      )
    })
  )

  it.live("that fails later lets the run go on, and is what the command ends in", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const hooks = [{ on: ["step.succeeded" as const], command: ["false"], required: true, only: "deploy/pull" }]
      const { exit, said, told } = yield* runWith(root, hooks, good)
      expect(error(exit)).toMatchObject({ _tag: "HookFailed", event: "step.succeeded" })
      expect(told.at(-1)?._tag).toBe("RunSucceeded")
      expect(said).toBe("")
    })
  )

  it.live("does not hide what a run failed with", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const { exit, said } = yield* runWith(root, [{ on: ["run.failed"], command: ["false"], required: true }], bad)
      expect(error(exit)).toMatchObject({ _tag: "Broken" })
      expect(said).toContain("warning: The hook tell failed on run.failed: exit code 1.\n")
    })
  )
})

it.live("the secrets of hooks are looked for before the run, and all that are missing told at once", () =>
  Effect.gen(function* () {
    const root = yield* folder
    const environment = { clear: {}, secrets: ["TOKEN", "OTHER"] }
    const { exit, told } = yield* runWith(root, [{ on: ["run.started"], command: sh("touch ran"), environment }], good)
    expect(error(exit)).toMatchObject({ _tag: "SecretsMissing", secrets: [{ name: "TOKEN" }, { name: "OTHER" }] })
    expect(told).toEqual([])
    expect(existsSync(join(root, "ran"))).toBe(false)
  })
)

describe("what a hook is told of", () => {
  const event = (path: string, kind: "step" | "item" | "pipeline"): Event => ({
    _tag: "StepFailed",
    seq: 1,
    run: "r",
    time: 0,
    path,
    kind,
    millis: 1,
    failures: [{ tag: "Broken", message: "a\0b", remedy: "" }]
  })
  const told = (path: string, kind: "step" | "item" | "pipeline", only?: string) =>
    isTold(hook({ on: ["step.failed"], command: ["x"], ...(only !== undefined && { only }) }), event(path, kind))

  test("is steps alone, unless it names paths", () => {
    expect(told("deploy/servers[web1]/pull", "step")).toBe(true)
    expect(told("deploy/servers[web1]", "item")).toBe(false)
    expect(told("deploy/servers[web1]", "item", "deploy/servers[*]")).toBe(true)
    expect(told("deploy/servers[web1]/pull", "step", "deploy/servers[*]")).toBe(false)
    expect(told("deploy/servers[web1]/services[web]/pull", "step", "deploy/servers[*]/**")).toBe(true)
    expect(told("deploy/servers[web1]/pull", "step", "**/pull")).toBe(true)
    expect(told("deploy/servers[web1]/pull", "step", "deploy/servers[web2]/*")).toBe(false)
    expect(told("deploy/servers1/pull", "step", "deploy/servers[1]/pull")).toBe(false)
  })

  test("fits into variables, whatever a server wrote", () => {
    const one = hook({ on: ["step.failed"], command: ["x"] })
    const { JIJI_MESSAGE } = variables(one, event("deploy/pull", "step"), shop("/", []), undefined)
    expect(JIJI_MESSAGE).toBe("deploy/pull failed after 1 ms: ab")
  })
})

test("a rehearsal shows the hooks, and no value of a secret", () => {
  const environment = { clear: { CHANNEL: "the ops" }, secrets: ["TOKEN"] }
  const hooks = [
    hook({ name: "slack", on: ["run.failed", "run.succeeded"], command: ["bin/notify", "a b"], environment }),
    hook({ name: "log", on: ["step.failed"], command: ["logger"], only: "**/pull" })
  ]
  expect(hookLines(shop("/", hooks))).toEqual([
    "",
    "hooks, which a rehearsal does not run:",
    `  slack  bin/notify 'a b' (in the environment: CHANNEL='the ops' TOKEN=<redacted>)  on run.failed, run.succeeded`,
    "  log    logger  on step.failed of **/pull"
  ])
  expect(hookLines(shop("/", []))).toEqual([])
})
