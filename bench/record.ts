// What keeping a run costs: `bun bench/record.ts`. Publishes what a chatty deploy does, once with a follower that only takes
// the events and once with one that keeps them, and prints the time of this process by event. Ends with 1 where it is more
// than it may be.
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
      // As a command's do, they come in pieces.
      if (n % 100 === 0) yield* Effect.yieldNow
    }
    return {}
  })
)

/** Microseconds of processor time by event. */
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
  const wrong: Array<string> = []
  const keep = recorder(
    file,
    { project: "shop", servers: ["web1"], who: "me@here" },
    ({ message }) => void wrong.push(message)
  )
  const take: Follower = (stream) => Stream.runDrain(Stream.takeUntil(stream, isEnd))
  const rounds = { without: new Array<number>(), kept: new Array<number>() }
  for (let round = 0; round < 4; round++) {
    rounds.without.push(await Effect.runPromise(cost(take)))
    rounds.kept.push(await Effect.runPromise(cost(keep)))
  }
  if (wrong.length > 0) throw new Error(wrong[0])
  const micros = Math.min(...rounds.kept) - Math.min(...rounds.without)
  const ok = micros < limit
  if (!ok) process.exitCode = 1
  const size = (statSync(file).size / 4 / wanted).toFixed(0)
  process.stdout.write(
    `${ok ? "ok  " : "OVER"} to keep an event ${micros.toFixed(1)} µs, ${Math.round(1e6 / micros)} a second, ${size} bytes  (less than ${limit} µs)\n`
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
