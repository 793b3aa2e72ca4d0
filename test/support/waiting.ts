import { type Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

export interface WaitOptions {
  /** Milliseconds between two looks, at least. */
  readonly every?: number
  /** Milliseconds after which it fails. */
  readonly timeout?: number
  readonly signal?: AbortSignal
}

/**
 * Waits until `holds` accepts what `read` returns, and returns that. Fails with the last value when the time is up: tests
 * wait with this for a condition, never for a length of time.
 */
export const until = async <A>(
  read: () => A | Promise<A>,
  holds: (value: A) => boolean = Boolean,
  { every = 10, timeout = 30_000, signal }: WaitOptions = {}
): Promise<A> => {
  const end = performance.now() + timeout
  while (true) {
    const start = performance.now()
    const value = await read()
    if (holds(value)) return value
    signal?.throwIfAborted()
    if (performance.now() > end) {
      const last = JSON.stringify(value, null, 1)
      throw new Error(`not within ${timeout} ms: ${holds === Boolean ? read : holds}\nlast value: ${last}`)
    }
    // A look that starts programs must not keep the processor busy, which others need to get there.
    await Bun.sleep(Math.max(every, Math.min(2 * (performance.now() - start), 250)))
  }
}

/** {@link until} in an effect. It waits in real time, also where the test's clock stands still. */
export const untilEffect = <A>(
  read: () => A | Promise<A>,
  holds?: (value: A) => boolean,
  options?: WaitOptions
): Effect.Effect<A> => Effect.promise((signal) => until(read, holds, { ...options, signal }))

/** Moves the test's clock on until a fiber has ended, which also does work in real time; returns what it ended with. */
export const advanceUntilDone = <A, E>(fiber: Fiber.Fiber<A, E>, step: Duration.Input): Effect.Effect<A, E> =>
  Effect.promise(() => Bun.sleep(0)).pipe(
    Effect.andThen(TestClock.adjust(step)),
    Effect.repeat({ until: () => fiber.pollUnsafe() !== undefined }),
    Effect.andThen(Fiber.join(fiber))
  )

/** Interrupts a program again and again until it exits, as people do. Signals that arrive together count as one. */
export const interruptUntilExit = async (interrupt: () => void, exited: Promise<unknown>): Promise<void> => {
  let isOver = false
  const end = exited.then(() => (isOver = true))
  const press = () => {
    try {
      interrupt()
    } catch {
      // It has exited in the meantime.
    }
    return Promise.race([end, Bun.sleep(50)])
  }
  await until(press, () => isOver, { every: 0 })
}
