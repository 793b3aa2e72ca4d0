import { describe, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Cause, Deferred, Duration, Effect, Exit, Layer, Schema, Sink, Stdio, Stream } from "effect"
import { withHooks } from "../../src/cli/hooks/withHooks.ts"
import { prepareHooks } from "../../src/cli/hooks/Hooks.ts"
import { hookLines } from "../../src/cli/hooks/hookLines.ts"
import { handlesEvent, hookVariables } from "../../src/cli/hooks/hookEvents.ts"
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
import { it } from "../support/effect.ts"
import { isAlive } from "../support/processes.ts"
import { advanceUntilDone, untilEffect } from "../support/waiting.ts"

type HookOf = Partial<Hook> & Pick<Hook, "on" | "command">

const hook = (more: HookOf): Hook => ({
  name: "tell",
  environment: { clear: {}, secrets: [] },
  timeout: Duration.seconds(30),
  required: false,
  ...more
})

/** A shell command. */
const sh = (line: string) => ["sh", "-c", line]

class Broken extends Schema.TaggedError<Broken>()("Broken", {}) {
  override get message() {
    return "It broke."
  }
  readonly remedy = "Fix it."
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

/** A new folder, removed with the scope. */
const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "jiji-hooks-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** Runs a pipeline with hooks in a folder, as a command does. */
const runWith = Effect.fnUntraced(function* <E>(
  root: string,
  hooks: ReadonlyArray<HookOf>,
  pipeline: Pipeline.Pipeline<{}, object, E>,
  env: Readonly<Record<string, string>> = {}
) {
  const project = shop(root, hooks.map(hook))
  const written: Array<string | Uint8Array> = []
  const events: Array<Event> = []
  const sink = () => Sink.forEach((piece: string | Uint8Array) => Effect.sync(() => void written.push(piece)))
  const secrets = Secrets.layer({ root, env }).pipe(Layer.provide(Processes.layer))
  const prepared = prepareHooks(project, project.hooks ?? []).pipe(
    Effect.provide(Layer.mergeAll(Processes.layer, secrets))
  )
  const exit = yield* Effect.gen(function* () {
    const stream = yield* (yield* Events).subscribe
    yield* Effect.forkScoped(
      Stream.runForEach(stream, (event) => Effect.sync(() => events.push(event))),
      { startImmediately: true }
    )
    return yield* Effect.exit(withHooks(prepared, (begun) => Pipeline.run(pipeline, {}, begun)))
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Layer.merge(Events.layer, Stdio.layerTest({ stderr: sink })).pipe(
        Layer.provideMerge(Scrubber.layer),
        Layer.provideMerge(Platform.layer)
      )
    )
  )
  return { exit, events, stderr: written.join("") }
})

const read = (root: string, name: string) => readFileSync(join(root, name), "utf8")

/** Whether the process runs whose id a hook has written into a file. */
const isRunning = (root: string, name: string) =>
  existsSync(join(root, name)) && read(root, name) !== "" && isAlive(Number(read(root, name)))

const error = (exit: Exit.Exit<unknown, unknown>) => (Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined)

describe("a hook", () => {
  it.live("runs in the project's folder, with the event as JSON on stdin and in its environment", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const line = "cat > event.json; env | grep ^JIJI_ | grep -v ^JIJI_RUN= | sort > env"
      const environment = { clear: { GREETING: "hello $USER" }, secrets: ["TOKEN"] }
      const { events, exit, stderr } = yield* runWith(
        root,
        [
          { name: "last", on: ["run.succeeded"], command: sh(line) },
          { on: ["run.succeeded"], command: sh('printf "%s %s" "$GREETING" "$TOKEN" > own'), environment }
        ],
        good,
        { TOKEN: "hunter22hunter" }
      )
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(stderr).toBe("")
      const event = yield* Schema.decodeEffect(Schema.fromJsonString(Event))(read(root, "event.json"))
      expect(event).toEqual(events.at(-1) ?? event)
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
      expect(JSON.stringify(events)).not.toContain("hunter22")
    })
  )

  it.live("runs in the order of deploy.yml, on the end of the run last", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const say = (what: string) => sh(`sleep 0.0${what.length}; echo ${what} $JIJI_EVENT $JIJI_PATH >> order`)
      yield* runWith(
        root,
        [
          { on: ["run.failed"], command: say("one") },
          { on: ["step.failed", "run.failed", "run.succeeded"], command: say("second") },
          { on: ["step.started"], command: say("three") }
        ],
        bad
      )
      expect(read(root, "order").split("\n")).toEqual([
        "three step.started deploy/pull",
        "second step.failed deploy/pull",
        "one run.failed deploy",
        "second run.failed deploy",
        ""
      ])
    })
  )

  it.live("that fails or does not exist causes a warning without secrets, and does not fail the run", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const environment = { clear: {}, secrets: ["TOKEN"] }
      const { events, exit, stderr } = yield* runWith(
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
      expect(stderr).toContain("warning: The hook first failed on run.started: exit code 3: no <redacted>.\n  → ")
      expect(stderr).toContain("second failed on run.succeeded: exit code 127: ./missing does not exist.\n")
      expect(stderr).toContain("nowhere failed on run.succeeded: exit code 127: missing-program is not in PATH.\n")
      expect(stderr).not.toContain("third")
      expect(events.at(-1)?._tag).toBe("RunSucceeded")
    })
  )

  it.live("that fails cannot send escape sequences to the terminal or commands to a CI system", () =>
    Effect.gen(function* () {
      const command = sh("printf '\\033[2J##[error]no\\n::stop-commands::x\\n' >&2; exit 3")
      const { stderr } = yield* runWith(yield* folder, [{ name: "rude", on: ["run.succeeded"], command }], good)
      expect(stderr).toStartWith(
        "warning: The hook rude failed on run.succeeded: exit code 3: # #[error]no\n  | ::stop-commands::x.\n  → "
      )
    })
  )

  it.effect("that hangs is killed after its timeout, with its child processes", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const line = "trap '' TERM; sleep 600 & echo $! > child; echo $$ > own; wait; wait"
      const hooks = [{ on: ["run.succeeded" as const], command: sh(line), timeout: Duration.millis(500) }]
      const running = yield* Effect.forkChild(runWith(root, hooks, good))
      yield* untilEffect(() => isRunning(root, "own"))
      const { exit, stderr } = yield* advanceUntilDone(running, "100 millis")
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(stderr).toContain(
        "warning: The hook tell failed on run.succeeded: it took longer than 0.5 s and was stopped.\n"
      )
      for (const name of ["own", "child"]) expect(isRunning(root, name)).toBe(false)
    })
  )

  it.live("can exit and leave work running in the background", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const work = "(trap '' PIPE; while [ ! -e enough ]; do sleep 0.1; done; touch done) & echo $! > child"
      const hooks = [
        { name: "well", on: ["run.succeeded" as const], command: sh(`${work}; exit 0`), timeout: Duration.seconds(20) },
        { name: "badly", on: ["run.succeeded" as const], command: sh("sleep 600 & echo $! > left; echo no; exit 3") }
      ]
      const { exit, stderr } = yield* runWith(root, hooks, good)
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(stderr).toMatch(/^warning: The hook badly failed on run\.succeeded: exit code 3: no\.\n[^\n]*\n$/)
      expect(isRunning(root, "left")).toBe(false)
      expect(isRunning(root, "child")).toBe(true)
      writeFileSync(join(root, "enough"), "")
      yield* untilEffect(() => !isRunning(root, "child"))
      expect(existsSync(join(root, "done"))).toBe(true)
    })
  )

  it.effect("that is slow does not slow down the run, and dropped events are counted", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const open = yield* Deferred.make<void>()
      let steps: Pipeline.Pipeline<{}, object> = Pipeline.make("deploy")
      for (let n = 0; n < 150; n++) steps = steps.pipe(Pipeline.step(Step.make(`step${n}`, () => Effect.void)))
      const all = steps.pipe(Pipeline.step(Step.make("last", () => Effect.asVoid(Deferred.succeed(open, undefined)))))
      const running = yield* Effect.forkChild(
        runWith(root, [{ on: ["step.succeeded"], command: ["sleep", "600"] }], all)
      )
      yield* Deferred.await(open)
      const { exit, stderr } = yield* advanceUntilDone(running, "100 millis")
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(stderr).toMatch(/^warning: 15\d events were dropped because hooks were too slow/)
    })
  )
})

describe("a required hook", () => {
  it.live("on run.started blocks the run until it has exited", () =>
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

  it.live("on run.started that fails fails the run before any step", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const { events, exit, stderr } = yield* runWith(
        root,
        [
          { name: "freeze", on: ["run.started"], command: sh("echo frozen; exit 1"), required: true },
          { name: "after", on: ["run.failed"], command: sh('printf %s "$JIJI_MESSAGE" > message') }
        ],
        good
      )
      expect(error(exit)).toMatchObject({ _tag: "HookFailed", hook: "freeze", exitCode: 1 })
      expect(events.map(({ _tag }) => _tag)).toEqual(["RunStarted", "RunFailed"])
      expect(stderr).toBe("")
      expect(read(root, "message")).toMatch(
        /^deploy of shop \(staging\) failed after .*: The hook freeze failed on run.*frozen\.$/
      )
    })
  )

  it.live("that fails later lets the run finish, and fails the command", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const hooks = [{ on: ["step.succeeded" as const], command: ["false"], required: true, only: "deploy/pull" }]
      const { events, exit, stderr } = yield* runWith(root, hooks, good)
      expect(error(exit)).toMatchObject({ _tag: "HookFailed", event: "step.succeeded" })
      expect(events.at(-1)?._tag).toBe("RunSucceeded")
      expect(stderr).toBe("")
    })
  )

  it.live("does not hide the failure of a run", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const { exit, stderr } = yield* runWith(root, [{ on: ["run.failed"], command: ["false"], required: true }], bad)
      expect(error(exit)).toMatchObject({ _tag: "Broken" })
      expect(stderr).toContain("warning: The hook tell failed on run.failed: exit code 1.\n")
    })
  )
})

it.live("the secrets of hooks are resolved before the run, and all missing ones are reported at once", () =>
  Effect.gen(function* () {
    const root = yield* folder
    const environment = { clear: {}, secrets: ["TOKEN", "OTHER"] }
    const { events, exit } = yield* runWith(
      root,
      [{ on: ["run.started"], command: sh("touch ran"), environment }],
      good
    )
    expect(error(exit)).toMatchObject({ _tag: "SecretsMissing", secrets: [{ name: "TOKEN" }, { name: "OTHER" }] })
    expect(events).toEqual([])
    expect(existsSync(join(root, "ran"))).toBe(false)
  })
)

describe("the events of a hook", () => {
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
  const handles = (path: string, kind: "step" | "item" | "pipeline", only?: string) =>
    handlesEvent(hook({ on: ["step.failed"], command: ["x"], ...(only !== undefined && { only }) }), event(path, kind))

  test("are those of steps only, unless it names paths", () => {
    expect(handles("deploy/servers[web1]/pull", "step")).toBe(true)
    expect(handles("deploy/servers[web1]", "item")).toBe(false)
    expect(handles("deploy/servers[web1]", "item", "deploy/servers[*]")).toBe(true)
    expect(handles("deploy/servers[web1]/pull", "step", "deploy/servers[*]")).toBe(false)
    expect(handles("deploy/servers[web1]/services[web]/pull", "step", "deploy/servers[*]/**")).toBe(true)
    expect(handles("deploy/servers[web1]/pull", "step", "**/pull")).toBe(true)
    expect(handles("deploy/servers[web1]/pull", "step", "deploy/servers[web2]/*")).toBe(false)
    expect(handles("deploy/servers1/pull", "step", "deploy/servers[1]/pull")).toBe(false)
  })

  test("fit into variables, whatever a server wrote", () => {
    const one = hook({ on: ["step.failed"], command: ["x"] })
    const { JIJI_MESSAGE } = hookVariables(one, event("deploy/pull", "step"), shop("/", []), undefined)
    expect(JIJI_MESSAGE).toBe("deploy/pull failed after 1 ms: ab")
  })
})

test("a dry run lists the hooks without the values of secrets", () => {
  const environment = { clear: { CHANNEL: "the ops" }, secrets: ["TOKEN"] }
  const hooks = [
    hook({ name: "slack", on: ["run.failed", "run.succeeded"], command: ["bin/notify", "a b"], environment }),
    hook({ name: "log", on: ["step.failed"], command: ["logger"], only: "**/pull" })
  ]
  expect(hookLines(shop("/", hooks))).toEqual([
    "",
    "hooks (not run in a dry run):",
    `  slack  bin/notify 'a b' (in the environment: CHANNEL='the ops' TOKEN=<redacted>)  on run.failed, run.succeeded`,
    "  log    logger  on step.failed for **/pull"
  ])
  expect(hookLines(shop("/", []))).toEqual([])
})
