// Measures what storing a step costs: `bun bench/journal.ts`. Runs the same pipeline with and without a journal in the run
// history. Prints the time for each step, and exits with code 1 if a stored step takes too much longer.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer, Schema } from "effect"
import { Events } from "../src/core/Events.ts"
import { Scrubber } from "../src/core/Scrubber.ts"
import { OpenJournal } from "../src/pipeline/interpreter/Journal.ts"
import * as Pipeline from "../src/pipeline/Pipeline.ts"
import * as Step from "../src/pipeline/Step.ts"
import * as Strategy from "../src/pipeline/Strategy.ts"
import { openJournal } from "../src/record/journal.ts"
import { print, report } from "./shared/figures.ts"

const steps = 1000
const rounds = 4
/** Milliseconds that a stored step may take longer. */
const limit = 5

const Built = Schema.Struct({ image: Schema.String, digest: Schema.String, size: Schema.Int })

const build = Step.make(
  "build",
  () => Effect.succeed({ image: "shop/web:4c1d9e0", digest: `sha256:${"a".repeat(64)}`, size: 12_345_678 }),
  { result: Built }
)

const pipeline = Pipeline.make("bench").pipe(
  Pipeline.forEach({
    name: "images",
    as: "item",
    items: () => Array.from({ length: steps }, (_, index) => index),
    key: String,
    strategy: Strategy.rolling({ batch: 1 }),
    body: Pipeline.make<{ readonly item: number }>("image").pipe(Pipeline.step(build))
  })
)

/** Returns the time for each step, in milliseconds. */
const timed = (journaled: boolean, file: string) =>
  Effect.gen(function* () {
    const info = { project: "shop", servers: ["web1"], who: "me@here" }
    const input = { words: ["deploy"], folder: "/", project: {}, pipeline: [] }
    const open = journaled ? yield* openJournal(file, info, input, undefined) : undefined
    const before = performance.now()
    yield* Pipeline.run(pipeline, {}).pipe(Effect.provideService(OpenJournal, open))
    return (performance.now() - before) / steps
  }).pipe(Effect.scoped, Effect.provide(Events.layer.pipe(Layer.provideMerge(Scrubber.layer))))

const folder = mkdtempSync(join(tmpdir(), "jiji-bench-"))
try {
  const times = { plain: new Array<number>(), stored: new Array<number>() }
  for (let round = 0; round < rounds; round++) {
    times.plain.push(await Effect.runPromise(timed(false, join(folder, "runs.sqlite"))))
    times.stored.push(await Effect.runPromise(timed(true, join(folder, "runs.sqlite"))))
  }
  const [plain, stored] = [Math.min(...times.plain), Math.min(...times.stored)]
  print(`a step takes ${plain.toFixed(3)} ms, and ${stored.toFixed(3)} ms with its result stored`)
  report({ name: "store a step: ratio to a step that is not stored", value: stored / plain, unit: "times" })
  report({ name: "store a step: time", value: stored - plain, unit: "ms", most: limit })
} finally {
  rmSync(folder, { recursive: true, force: true })
}
