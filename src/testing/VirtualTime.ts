import { Clock, Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

/** More waits than any pipeline has that comes to an end. */
const mostWaits = 100_000

/** How long something real is waited for, in milliseconds of real time. */
const patience = 2_000

/** Lets what is ready run, also what promises hold up. */
const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

const stuck = (how: string, who: string) =>
  Effect.die(
    new Error(`The rehearsal did not end: ${how}, ${who}. To see a run interrupted, give it a time to \`interrupt\`.`)
  )

/**
 * Runs an effect in a time of its own, which begins at 0 and passes as soon as nothing is left to do but to wait: to the
 * end of the wait that ends first. With `interrupt` it is interrupted at that time. A defect ends what does not end, and
 * says what is `waiting`.
 *
 * It needs the layer of effect's TestClock.
 */
export const run = Effect.fnUntraced(function* <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  interrupt?: Duration.Input,
  waiting: () => string = () => "it waits for something that does not come"
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
  // The clock waits for whatever comes of a wait that ends, and so this does not begin without one.
  yield* time.setTime(-1)
  const fiber = yield* Effect.sleep(1).pipe(
    Effect.andThen(effect),
    Effect.provideService(Clock.Clock, clock),
    Effect.forkChild
  )
  const interruptAt = interrupt === undefined ? Infinity : Duration.toMillis(Duration.fromInputUnsafe(interrupt))
  let isInterrupted = false
  const realNow = time.withLive(Clock.currentTimeMillis)
  let began = yield* realNow
  for (let count = 0; count < mostWaits;) {
    yield* turn
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
      // A step may have asked something real, which takes the time that it takes.
      if ((yield* realNow) - began > patience) break
      yield* time.withLive(Effect.sleep("1 millis"))
      continue
    }
    began = yield* realNow
  }
  const who = waiting()
  fiber.interruptUnsafe()
  const passed = Duration.format(Duration.seconds(Math.round(((yield* realNow) - began) / 1000)))
  return yield* stuck(waits.size === 0 ? `after ${passed} of real time` : `after ${mostWaits} waits`, who)
})
