import { Cause, Context, Effect, Exit, Fiber, type Scope } from "effect"
import { runAuthorFunction } from "../../core/authorFunction.ts"
import { CurrentPath, Events } from "../../core/Events.ts"
import { failureRecords } from "../../core/failureRecords.ts"
import { HeldResources } from "../../core/NameTracker.ts"

/** Work of a step that continues after the step. */
interface Work {
  readonly path: string
  readonly fiber: Fiber.Fiber<void>
}

/** The work that steps of one run have left running. */
export class Background {
  readonly #work = new Set<Work>()

  /** Starts work for the step at a path. It must not fail. */
  start<R>(path: string, work: Effect.Effect<void, never, R>): Effect.Effect<void, never, R> {
    // Detached from the step's fiber. The run waits for it: see `finish`.
    return Effect.map(Effect.forkDetach(work), (fiber) => {
      const entry = { path, fiber }
      this.#work.add(entry)
      fiber.addObserver(() => void this.#work.delete(entry))
    })
  }

  /** Whether some of it still runs. */
  get isBusy(): boolean {
    return this.#work.size > 0
  }

  #fibers(path?: string): ReadonlyArray<Fiber.Fiber<void>> {
    return [...this.#work].filter((work) => path === undefined || work.path === path).map(({ fiber }) => fiber)
  }

  /** Interrupts the work of the step at a path, and waits until it has ended. */
  interrupt(path: string): Effect.Effect<void> {
    return Effect.suspend(() => Fiber.interruptAll(this.#fibers(path)))
  }

  /**
   * Runs the nodes of a run, and then waits for the work that is still running. If the run is interrupted, also while it
   * waits, the work is interrupted, too.
   */
  finish<A, E, R>(nodes: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const interruptAll = Effect.suspend(() => Fiber.interruptAll(this.#fibers()))
    // Work can start more work.
    const wait: Effect.Effect<void> = Effect.suspend(() => {
      const fibers = this.#fibers()
      return fibers.length === 0 ? Effect.void : Effect.flatMap(Fiber.awaitAll(fibers), () => wait)
    })
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.exit(restore(nodes)), (exit) => {
        const isInterrupted = Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
        return Effect.andThen(
          isInterrupted ? interruptAll : Effect.onInterrupt(restore(wait), () => interruptAll),
          exit
        )
      })
    )
  }
}

/** The background of the current run; undefined outside a run. */
export const CurrentBackground = Context.Reference<Background | undefined>("jiji/pipeline/interpreter/Background", {
  defaultValue: () => undefined
})

/**
 * Lets work of a step continue in the background: the step ends, the nodes after it start, and the run waits for the work
 * before it ends. Use it for work on which nothing else depends, such as removing old images.
 *
 * The work publishes its events with the path of the step. If it fails, a warning says so with its `name`, and the run goes on.
 * If the run is interrupted, so is the work; and an undo of the step interrupts it first. The work has its own scope: the
 * resources of the step may be released before it ends. Outside a run it runs at once.
 */
export const inBackground = <A, E, R>(
  name: string,
  work: Effect.Effect<A, E, R>
): Effect.Effect<void, never, Exclude<R, Scope.Scope> | Events> =>
  Effect.gen(function* () {
    const background = yield* CurrentBackground
    const path = yield* CurrentPath
    const held = yield* HeldResources
    const { publish } = yield* Events
    const warn = (cause: Cause.Cause<unknown>) =>
      Effect.forEach(
        failureRecords(cause),
        ({ message }) => publish({ _tag: "StepNoted", level: "warning", text: `${name} failed: ${message}` }),
        { discard: true }
      )
    const isolated = Effect.scoped(runAuthorFunction(name, work, () => work)).pipe(
      Effect.catchCause(warn),
      Effect.asVoid
    )
    if (background === undefined) return yield* isolated
    const untrack = held.add(`${name} (still running)`)
    yield* background.start(path, Effect.ensuring(isolated, Effect.sync(untrack)))
  })
