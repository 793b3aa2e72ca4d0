// Measures the pipeline engine with steps that do nothing: `bun bench/engine.ts`. Each part runs in its own process, so that
// time and memory are measured separately. Exits with code 1 if a part exceeds its limit.
import { Effect, Fiber, Layer, Stream } from "effect"
import { Events } from "../src/core/Events.ts"
import * as Pipeline from "../src/pipeline/Pipeline.ts"
import { Scrubber } from "../src/core/Scrubber.ts"
import * as Step from "../src/pipeline/Step.ts"
import * as Strategy from "../src/pipeline/Strategy.ts"
import { print, report } from "./shared/figures.ts"

const layer = Events.layer.pipe(Layer.provideMerge(Scrubber.layer))

/** Subscribes like a reporter and counts the events. */
const countEvents = Effect.gen(function* () {
  let count = 0
  const stream = yield* (yield* Events).subscribe
  yield* Effect.forkScoped(
    Stream.runForEach(stream, () => Effect.sync(() => count++)),
    { startImmediately: true }
  )
  return () => count
})

/** Measures an effect's time, and the process's peak memory in MB. */
const measured = <A, E>(effect: Effect.Effect<A, E, Events>) =>
  Effect.gen(function* () {
    const count = yield* countEvents
    const start = performance.now()
    yield* effect
    const millis = performance.now() - start
    return { millis, megabytes: process.resourceUsage().maxRSS / 1024, events: count() }
  }).pipe(Effect.scoped, Effect.provide(layer))

const step = (n: number) => Step.make(`step${n}`, () => Effect.succeed({ last: n }))

const steps = () => {
  const start = performance.now()
  let whole: Pipeline.Pipeline<{}, {}> = Pipeline.make("steps")
  for (let n = 0; n < 10_000; n++) whole = whole.pipe(Pipeline.step(step(n)))
  const making = performance.now() - start
  return Effect.map(measured(Pipeline.run(whole, {})), (result) => ({ ...result, making }))
}

const servers = () => {
  let body: Pipeline.Pipeline<{ readonly server: number }, {}> = Pipeline.make("server")
  for (let n = 0; n < 5; n++) body = body.pipe(Pipeline.step(step(n)))
  const whole = Pipeline.make("servers").pipe(
    Pipeline.forEach({
      name: "servers",
      as: "server",
      items: () => Array.from({ length: 1000 }, (_, n) => n),
      key: String,
      strategy: Strategy.parallel({ concurrency: 1000 }),
      body
    })
  )
  return measured(Pipeline.run(whole, {}))
}

const publish = () =>
  Effect.gen(function* () {
    const { publish, subscribe } = yield* Events
    const wanted = 50_000
    const readers = yield* Effect.forEach([1, 2, 3], () =>
      Effect.flatMap(subscribe, (stream) =>
        Effect.forkChild(Stream.runDrain(Stream.take(stream, wanted)), { startImmediately: true })
      )
    )
    const start = performance.now()
    for (let n = 0; n < wanted; n++) {
      yield* publish({ _tag: "StepOutput", machine: "web1", stream: "stdout", line: "a line of a command" })
    }
    // The subscribers share this thread, so their time is included.
    yield* Effect.forEach(readers, Fiber.join)
    return { micros: ((performance.now() - start) / wanted) * 1000 }
  }).pipe(Effect.scoped, Effect.provide(layer))

const parts = { steps, servers, publish } as const

const rounds = 3
const limits = [
  ["steps", "pipeline engine: build 10,000 steps", "making", 1000, "ms"],
  ["steps", "pipeline engine: run 10,000 steps", "millis", 1000, "ms"],
  ["servers", "pipeline engine: 1,000 servers, five steps each", "millis", 2000, "ms"],
  ["servers", "pipeline engine: 1,000 servers, peak memory", "megabytes", 200, "MB"],
  ["publish", "publish an event to three subscribers", "micros", 20, "µs"]
] as const

const isPart = (name: string | undefined): name is keyof typeof parts => name !== undefined && name in parts

/** Runs a part in its own process and returns its results. */
const measure = (part: string): Readonly<Record<string, number>> => {
  const child = Bun.spawnSync([process.execPath, import.meta.path, part], { stderr: "inherit" })
  return JSON.parse(child.stdout.toString())
}

const [part] = process.argv.slice(2)
if (isPart(part)) {
  const program: Effect.Effect<object> = parts[part]()
  print(JSON.stringify(await Effect.runPromise(program)))
} else {
  for (const name of new Set(limits.map(([name]) => name))) {
    const results = Array.from({ length: rounds }, () => measure(name))
    for (const [, title, key, limit, unit] of limits.filter(([of]) => of === name)) {
      // Takes the best round, because other load on the machine only makes rounds slower.
      const best = Math.min(...results.map((result) => result[key] ?? Number.NaN))
      report({ name: title, value: best, unit, most: limit })
    }
  }
}
