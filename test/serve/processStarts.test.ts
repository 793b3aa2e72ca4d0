import { expect, test } from "bun:test"
import { Effect, Layer, Option, Result } from "effect"
import { TestClock } from "effect/testing"
import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Feed } from "../../src/serve/Feed.ts"
import { Inspector } from "../../src/serve/Inspector.ts"
import { openState } from "../../src/serve/openState.ts"
import { Projects } from "../../src/serve/Projects.ts"
import { Runner } from "../../src/serve/Runner.ts"
import { type NewRun, RunStore, type StoredRun } from "../../src/serve/RunStore.ts"
import { Workers } from "../../src/serve/Workers.ts"
import { compileFirst } from "../cli/project.ts"
import { it } from "../support/effect.ts"
import { program } from "../support/program.ts"
import { untilEffect } from "../support/waiting.ts"
import { deployFile, makeServer, start, untilStatus } from "./server.ts"

compileFirst()

test("runs go on when another version replaces the program of jiji serve, and when it is gone", async () => {
  const programs = mkdtempSync(join(tmpdir(), "jiji-program-"))
  try {
    const own = join(programs, "jiji")
    copyFileSync(program, own)
    using folder = makeServer({}, own)
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const hello = { project: "shop", pipeline: "hello", input: { name: "x", loud: false } }
    // Nothing that speaks its protocol.
    writeFileSync(join(programs, "next"), "#!/bin/sh\nexit 7\n", { mode: 0o755 })
    renameSync(join(programs, "next"), own)
    for (const _ of [1, 2]) await untilStatus(server, token, await start(server, token, hello), "succeeded")
    rmSync(own)
    for (const _ of [1, 2]) await untilStatus(server, token, await start(server, token, hello), "succeeded")
  } finally {
    rmSync(programs, { recursive: true })
  }
}, 60_000)

const wanted: NewRun = { project: "shop", words: ["deploy"], who: "ci", cause: "api", key: "shop" }

/** What runs the queue of a project on a system that can start no process. */
const withoutProcesses = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "jiji-starts-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  )
  mkdirSync(join(folder, "shop/.jiji"), { recursive: true })
  writeFileSync(join(folder, "shop/.jiji/deploy.yml"), deployFile)
  return Layer.mergeAll(Runner.layer({ concurrency: 4, history: join(folder, "runs.sqlite") }), Inspector.layer).pipe(
    Layer.provideMerge(Workers.layer([join(folder, "missing")])),
    Layer.provideMerge(Projects.layer(folder)),
    Layer.provideMerge(Feed.layer),
    Layer.provideMerge(RunStore.layer),
    Layer.provideMerge(openState(join(folder, "serve.sqlite")))
  )
})

it.effect("a run waits in the queue while the system can start no process, and can be cancelled", () =>
  Effect.gen(function* () {
    yield* Effect.provide(
      Effect.gen(function* () {
        const store = yield* RunStore
        const runner = yield* Runner
        yield* (yield* Workers).prepare
        const { run } = yield* store.add(wanted)
        const stored = Effect.map(store.get(run.number), Option.getOrThrow)
        const read = Effect.runPromiseWith(yield* Effect.context<never>())
        const isStored = (fields: Partial<StoredRun>) =>
          untilEffect(
            () => read(stored),
            (each) => Bun.deepMatch(fields, each)
          )
        yield* runner.wake
        yield* isStored({ status: "running", attempt: 1, queued: null })
        yield* TestClock.adjust("5 seconds")
        // It was queued again, and is the next one again.
        yield* isStored({ status: "running", attempt: 1, queued: 5000 })
        yield* runner.cancel(run.number)
        yield* TestClock.adjust("5 seconds")
        yield* isStored({ status: "cancelled", ended: 10_000 })
      }),
      yield* withoutProcesses
    )
  })
)

it.effect("a request is refused with the reason while the system can start no process", () =>
  Effect.gen(function* () {
    yield* Effect.provide(
      Effect.gen(function* () {
        const inspector = yield* Inspector
        const [project] = yield* (yield* Projects).list
        const folder = project?.folder ?? ""
        const refused = yield* Effect.result(inspector.prepare(folder, "hello", {}, []))
        expect(Result.isFailure(refused) && refused.failure.message).toContain("its process cannot be started: ")
        expect(yield* inspector.pipelines(folder)).toEqual([
          { name: "*", description: "", problem: expect.stringContaining("its process cannot be started: ") }
        ])
      }),
      yield* withoutProcesses
    )
  })
)
