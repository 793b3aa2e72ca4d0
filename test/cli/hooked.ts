import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Cause, Duration, Effect, Exit, Layer, Schema, Sink, Stdio, Stream } from "effect"
import { withHooks } from "../../src/cli/hooks/withHooks.ts"
import { prepareHooks } from "../../src/cli/hooks/Hooks.ts"
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

type HookOf = Partial<Hook> & Pick<Hook, "on" | "command">

export const hook = (more: HookOf): Hook => ({
  name: "tell",
  environment: { clear: {}, secrets: [] },
  timeout: Duration.seconds(30),
  required: false,
  ...more
})

/** A shell command. */
export const sh = (line: string) => ["sh", "-c", line]

export class Broken extends Schema.TaggedError<Broken>()("Broken", {}) {
  override get message() {
    return "It broke."
  }
  readonly remedy = "Fix it."
  readonly exitCode = 69
}

export const shop = (root: string, hooks: ReadonlyArray<Hook>): Project => ({
  name: "shop",
  environment: "staging",
  root,
  engine: "docker",
  registry: { type: "local", port: 9270 },
  servers: [],
  services: [],
  hooks
})

export const good = Pipeline.make("deploy").pipe(
  Pipeline.step(
    Step.make("version", () => Effect.succeed({ version: "v7" }), { result: Schema.Struct({ version: Schema.String }) })
  ),
  Pipeline.step(Step.make("pull", () => Effect.void))
)
export const bad = Pipeline.make("deploy").pipe(Pipeline.step(Step.make("pull", () => new Broken())))

/** A new folder, removed with the scope. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "jiji-hooks-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** Runs a pipeline with hooks in a folder, as a command does. */
export const runWith = Effect.fnUntraced(function* <E>(
  root: string,
  hooks: ReadonlyArray<HookOf>,
  pipeline: Pipeline.Pipeline<{}, object, E, Events>,
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

export const read = (root: string, name: string) => readFileSync(join(root, name), "utf8")

export const error = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
