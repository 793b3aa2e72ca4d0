import { Clock, Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

/** More waits than in any pipeline that ends. */
const maxWaits = 100_000

/** How long to wait for something real, in milliseconds of real time. */
const maxRealWait = 2_000

/** Lets all fibers run that are ready, including those that wait for settled promises. */
const runReadyFibers = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

const didNotEnd = (limit: string, waitingFor: string) =>
  Effect.die(
    new Error(`The rehearsal did not end: ${limit}, ${waitingFor}. To test an interrupted run, set \`interrupt\`.`)
  )

/**
 * Runs an effect in virtual time, which starts at 0. When all fibers are waiting, the time jumps to the end of the shortest
 * wait. With `interrupt`, interrupts the effect at that time. If the effect does not end, dies with a defect that includes
 * the text of `describeWaiting`.
 *
 * Requires the layer of effect's TestClock.
 */
export const run = Effect.fnUntraced(function* <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  interrupt?: Duration.Input,
  describeWaiting: () => string = () => "it is waiting for something that never happens"
) {
  const time = yield* TestClock.testClockWith(Effect.succeed)
  const waits = new Set<{ readonly until: number }>()
  const clock: Clock.Clock = {
    ...time,
    sleep: (duration) =>
      Effect.suspend(() => {
        const wait = { until: time.currentTimeMillisUnsafe() + Duration.toMillis(duration) }
        waits.add(wait)
        return Effect.ensuring(
          time.sleep(duration),
          Effect.sync(() => waits.delete(wait))
        )
      })
  }
  // Start with a wait: after a wait ends, the clock lets everything run that follows from it.
  yield* time.setTime(-1)
  const fiber = yield* Effect.sleep(1).pipe(
    Effect.andThen(effect),
    Effect.provideService(Clock.Clock, clock),
    Effect.forkChild
  )
  const interruptAt = interrupt === undefined ? Infinity : Duration.toMillis(Duration.fromInputUnsafe(interrupt))
  let isInterrupted = false
  const realNow = time.withLive(Clock.currentTimeMillis)
  let lastProgress = yield* realNow
  for (let count = 0; count < maxWaits;) {
    yield* runReadyFibers
    if (fiber.pollUnsafe() !== undefined) return yield* Fiber.await(fiber)
    const next = Math.min(...[...waits].map(({ until }) => until))
    if (!isInterrupted && interruptAt < next) {
      isInterrupted = true
      yield* time.setTime(interruptAt)
      fiber.interruptUnsafe()
    } else if (Number.isFinite(next)) {
      count++
      yield* time.setTime(next)
    } else {
      // A step may be waiting for something real, which takes real time.
      if ((yield* realNow) - lastProgress > maxRealWait) break
      yield* time.withLive(Effect.sleep("1 millis"))
      continue
    }
    lastProgress = yield* realNow
  }
  const waitingFor = describeWaiting()
  fiber.interruptUnsafe()
  const elapsed = Duration.format(Duration.seconds(Math.round(((yield* realNow) - lastProgress) / 1000)))
  return yield* didNotEnd(waits.size === 0 ? `after ${elapsed} of real time` : `after ${maxWaits} waits`, waitingFor)
})
