// Measures what recording a run costs: `bun bench/record.ts`. Publishes the events of a deploy with a lot of output, once
// with a follower that ignores them and once with the recorder. Prints the difference in CPU time per event. Exits with
// code 1 if it exceeds the limit.
import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Fiber, Layer, Stream } from "effect"
import { isEnd } from "../src/core/Event.ts"
import { Events } from "../src/core/Events.ts"
import * as Pipeline from "../src/pipeline/Pipeline.ts"
import { Scrubber } from "../src/core/Scrubber.ts"
import * as Step from "../src/pipeline/Step.ts"
import { recorder } from "../src/record/recorder.ts"
import type { Follower } from "../src/reporters/Reporter.ts"
import { print, report } from "./shared/figures.ts"

const wanted = 20_000
const limit = 20

const talk = Step.make(
  "talk",
  Effect.fnUntraced(function* () {
    const { publish } = yield* Events
    for (let n = 0; n < wanted; n++) {
      yield* publish({
        _tag: "StepOutput",
        machine: "web1",
        stream: "stdout",
        line: `#${n} a line of a build, as long as they are`
      })
      // A command's output arrives in chunks.
      if (n % 100 === 0) yield* Effect.yieldNow
    }
    return {}
  })
)

/** Returns the CPU time per event, in microseconds. */
const cost = (follow: Follower) =>
  Effect.gen(function* () {
    const stream = yield* (yield* Events).subscribe
    const fiber = yield* Effect.forkChild(follow(stream), { startImmediately: true })
    const before = process.cpuUsage()
    yield* Pipeline.run(Pipeline.make("talk").pipe(Pipeline.step(talk)), {})
    yield* Fiber.join(fiber)
    const { system, user } = process.cpuUsage(before)
    return (system + user) / wanted
  }).pipe(Effect.scoped, Effect.provide(Events.layer.pipe(Layer.provideMerge(Scrubber.layer))))

const folder = mkdtempSync(join(tmpdir(), "jiji-bench-"))
try {
  const file = join(folder, "runs.sqlite")
  const warnings: Array<string> = []
  const record = recorder(
    file,
    { project: "shop", servers: ["web1"], who: "me@here" },
    ({ message }) => void warnings.push(message)
  )
  const ignore: Follower = (stream) => Stream.runDrain(Stream.takeUntil(stream, isEnd))
  const rounds = { ignored: new Array<number>(), recorded: new Array<number>() }
  for (let round = 0; round < 4; round++) {
    rounds.ignored.push(await Effect.runPromise(cost(ignore)))
    rounds.recorded.push(await Effect.runPromise(cost(record)))
  }
  if (warnings.length > 0) throw new Error(warnings[0])
  const micros = Math.min(...rounds.recorded) - Math.min(...rounds.ignored)
  const size = (statSync(file).size / 4 / wanted).toFixed(0)
  print(`${Math.round(1e6 / micros)} events per second, ${size} bytes for each`)
  report({ name: "record an event: CPU time", value: micros, unit: "µs", most: limit })
} finally {
  rmSync(folder, { recursive: true, force: true })
}
