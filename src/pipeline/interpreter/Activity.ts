import { Clock, Context, Effect, Latch } from "effect"
import type { Background } from "./background.ts"

/** What a step waits for: a signal, a time in epoch milliseconds, or whichever comes first. */
export interface Wait {
  readonly path: string
  readonly signal?: string
  readonly until?: number
}

/**
 * What a run does when all that is left of it is to wait. `suspend` ends it and undoes nothing, so that a later process can go on
 * with it; `undo` ends it as an interrupt does. Undefined if runs wait in their process.
 */
export const WhenWaiting = Context.Reference<"suspend" | "undo" | undefined>("jiji/pipeline/interpreter/WhenWaiting", {
  defaultValue: () => undefined
})

/** How long a run must do nothing but wait before it is suspended. A signal may be there already. */
const grace = "1 second"

/** A run is not suspended for a wait that ends sooner, in milliseconds. */
const shortest = 5000

/** Counts what a run does, to know when all that is left of it is to wait. */
export class Activity {
  #active = 0
  #changes = 0
  #isSuspended = false
  #isWoken = false
  readonly #waits = new Set<Wait>()
  readonly #background: Background
  readonly #quiet = Latch.makeUnsafe()

  constructor(background: Background) {
    this.#background = background
  }

  #allWait(): boolean {
    return this.#waits.size > 0 && this.#waits.size === this.#active
  }

  #changed(): void {
    this.#changes++
    if (this.#allWait()) this.#quiet.openUnsafe()
    else this.#quiet.closeUnsafe()
  }

  /** A step or an undo starts. */
  enter(): void {
    this.#active++
    this.#changed()
  }

  leave(): void {
    this.#active--
    this.#changed()
  }

  /** Waits for something within a step. If it comes while the run is being suspended, the next process goes on with it at once. */
  wait<A, R>(wait: Wait, effect: Effect.Effect<A, never, R>): Effect.Effect<A, never, R> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (wait.until !== undefined && wait.until - now < shortest) return effect
      return Effect.acquireUseRelease(
        Effect.sync(() => {
          this.#waits.add(wait)
          this.#changed()
        }),
        () =>
          Effect.flatMap(effect, (value) => {
            if (!this.#isSuspended) return Effect.succeed(value)
            this.#isWoken = true
            return Effect.never
          }),
        () =>
          Effect.sync(() => {
            // When it is suspended, these are what the run waits for.
            if (this.#isSuspended) return
            this.#waits.delete(wait)
            this.#changed()
          })
      )
    })
  }

  /** Returns when all that is left of the run is to wait. */
  get untilQuiet(): Effect.Effect<void> {
    const look: Effect.Effect<void> = Effect.flatMap(this.#quiet.await, () => {
      const before = this.#changes
      return Effect.flatMap(Effect.sleep(grace), () =>
        before === this.#changes && this.#allWait() && !this.#background.isBusy ? Effect.void : look
      )
    })
    return look
  }

  /** From now on, what ends a wait is left to the next process. */
  suspend(): void {
    this.#isSuspended = true
  }

  /** What a suspended run waits for. Undefined if it is not suspended. */
  get waits(): Effect.Effect<ReadonlyArray<Wait> | undefined> {
    return Effect.map(Clock.currentTimeMillis, (now) => {
      if (!this.#isSuspended) return undefined
      return [...this.#waits].map((wait) => (this.#isWoken ? { ...wait, until: now } : wait))
    })
  }
}

/** The activity of the current run. Undefined if runs wait in their process. */
export const CurrentActivity = Context.Reference<Activity | undefined>("jiji/pipeline/interpreter/CurrentActivity", {
  defaultValue: () => undefined
})

/** Waits for something within a step, so that the run can be suspended meanwhile. */
export const waiting = <A, R>(wait: Wait, effect: Effect.Effect<A, never, R>): Effect.Effect<A, never, R> =>
  Effect.flatMap(CurrentActivity, (activity) => (activity === undefined ? effect : activity.wait(wait, effect)))
