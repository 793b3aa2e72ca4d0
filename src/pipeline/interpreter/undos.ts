import { Context, Duration, Effect, Exit, type Layer } from "effect"
import { runAuthorFunction } from "../../core/authorFunction.ts"
import { CurrentPath, CurrentRun } from "../../core/Events.ts"
import type { NameTracker } from "../../core/NameTracker.ts"
import type { Background } from "./background.ts"
import { withJournal } from "./Journal.ts"
import { withNodeEvents, type NodeEffect, type State } from "./nodeEvents.ts"
import { withState } from "./stateReads.ts"
import { isBelow } from "../paths.ts"
import { StepTimedOut } from "../PipelineError.ts"
import type { Undo } from "../Step.ts"

/** One attempt of a step. A new object for each, since the undos of their runs can differ. */
export interface StepAttempt {
  readonly path: string
  readonly undos: Undos
  /** Why the attempt fails in a dry run, whatever the step itself returns: it has called something real. */
  violation?: unknown
}

/** The attempt that the current fiber runs. A run that it starts adds its undos there when it has succeeded. */
export const CurrentStep = Context.Reference<StepAttempt | undefined>("jiji/pipeline/interpreter/CurrentStep", {
  defaultValue: () => undefined
})

/** A completed step, and how to undo it. */
interface UndoableStep {
  readonly path: string
  readonly undo: NodeEffect<unknown>
  /** Gives the undo the services of the nested run that has added it. */
  readonly provide: (undo: NodeEffect<unknown>) => NodeEffect<unknown>
  /** How long the undo may take. */
  readonly within: Duration.Duration
  /** Removes the step from the list of undoable steps. */
  readonly untrack: () => void
  /** The attempt that started the step's run, if the step belongs to a nested run. */
  readonly startedBy?: StepAttempt
}

/** A result that a step has stored for later runs. */
interface StoredResult {
  readonly path: string
  readonly remove: Effect.Effect<void>
}

/** Selects what is below a path. */
const below =
  (outer: string) =>
  ({ path }: { readonly path: string }): boolean =>
    isBelow(path, outer)

/**
 * Runs an undo. If it fails, the step stays in the list of undoable steps. The journal forgets the step first: if the undo is
 * cut off, a resumed run must not believe that the step is done.
 */
const runUndo = ({ path, provide, startedBy, undo, untrack, within }: UndoableStep) => {
  const undoPath = `${path}/undo`
  const limited = Effect.timeoutOrElse(provide(undo), {
    duration: within,
    orElse: () => Effect.fail(new StepTimedOut({ path: undoPath, millis: Duration.toMillis(within) }))
  })
  // The journal has no steps of nested runs, only the step that has started them.
  const forget = withJournal((journal) => journal.forget(startedBy?.path ?? path))
  return Effect.map(Effect.andThen(forget, Effect.exit(withNodeEvents("undo", undoPath, limited))), (exit) => {
    if (Exit.isSuccess(exit)) untrack()
  })
}

/**
 * Gives an undo the services of the run that has added it. Its events belong to the run that it runs in, since its own has
 * published its last event.
 */
const withServices = (
  undo: NodeEffect<unknown>,
  provide: (undo: NodeEffect<unknown>) => NodeEffect<unknown>
): NodeEffect<unknown> =>
  Effect.flatMap(Effect.all([CurrentPath, CurrentRun]), ([path, run]) =>
    provide(undo.pipe(Effect.provideService(CurrentPath, path), Effect.provideService(CurrentRun, run)))
  )

/** The completed steps of a run that can be undone, in the order in which they completed. */
export class Undos {
  #steps: Array<UndoableStep> = []
  #results: Array<StoredResult> = []
  #isClosed = false
  /** The attempts whose runs are not undone. They may still have runs in the background. */
  readonly #forgotten = new WeakSet<StepAttempt>()
  /** The paths whose steps are not undone, whenever they complete. */
  readonly #kept: Array<string> = []
  readonly #tracker: NameTracker
  readonly #background: Background

  constructor(tracker: NameTracker, background: Background) {
    this.#tracker = tracker
    this.#background = background
  }

  /** Adds a result that the step at a path has stored. It is removed before what made it is undone. */
  addResult(path: string, remove: Effect.Effect<void>): void {
    this.#results.push({ path, remove })
  }

  /** Removes the results of the step at a path, of those in it, and of those that it is a part of. */
  #removeResults(path: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const isRelated = (other: StoredResult) =>
        other.path === path || isBelow(other.path, path) || isBelow(path, other.path)
      const related = this.#results.filter(isRelated)
      this.#results = this.#results.filter((each) => !isRelated(each))
      return Effect.forEach(related, ({ remove }) => remove, { discard: true })
    })
  }

  /** Whether something below a path can be undone. */
  hasBelow(path: string): boolean {
    return this.#steps.some(below(path))
  }

  /** Adds a completed step or pipeline. */
  add(path: string, name: string, undo: Undo, added: unknown, state: State): void {
    const label = `the undo of ${name}`
    const call = withState(label, state, (known) =>
      runAuthorFunction(label, undo.run, () => undo.run(added as never, known as never))
    )
    this.#steps.push({
      path,
      // What an undo starts is not part of a step.
      undo: Effect.scoped(call).pipe(Effect.provideService(CurrentStep, undefined)),
      provide: (own) => own,
      within: undo.within,
      untrack: this.#tracker.add(path)
    })
  }

  /**
   * Adds the steps of a run that an attempt has started and that has succeeded. `provide` gives their undos the services of
   * that run.
   */
  adopt(startedBy: StepAttempt, nested: Undos, provide: (undo: NodeEffect<unknown>) => NodeEffect<unknown>): void {
    const steps = nested.#steps
    nested.#steps = []
    for (const { path, remove } of nested.#results) this.addResult(`${startedBy.path}/${path}`, remove)
    for (const step of steps) {
      step.untrack()
      // The nested run can outlive its step and even this run, if the step has started it in the background.
      if (this.#isClosed || this.#isForgotten(startedBy)) continue
      const at = `${startedBy.path}/${step.path}`
      this.#steps.push({
        ...step,
        path: at,
        provide: (undo) => withServices(step.provide(undo), provide),
        untrack: this.#tracker.add(at),
        startedBy
      })
    }
  }

  /**
   * Builds a layer again for each undo below a path: the pipeline that the layer was built for has ended. Innermost, since
   * what a nested run provides to its undos includes the instance that has been released.
   */
  provide(path: string, layer: Layer.Layer<never, unknown, unknown>): void {
    this.#steps = this.#steps.map((step) =>
      isBelow(step.path, path) ? { ...step, undo: Effect.provide(step.undo, layer, { local: true }) } : step
    )
  }

  /** Forgets all steps, now and later: the run has ended. */
  close(): void {
    this.#isClosed = true
    for (const { untrack } of this.#steps) untrack()
    this.#steps = []
  }

  /** Removes and returns the matching steps, last one first. So each step is undone at most once. */
  #take(matches: (step: UndoableStep) => boolean): ReadonlyArray<UndoableStep> {
    const taken = this.#steps.filter(matches)
    if (taken.length > 0) this.#steps = this.#steps.filter((step) => !matches(step))
    return taken.toReversed()
  }

  #isForgotten(attempt: StepAttempt): boolean {
    return this.#forgotten.has(attempt) || this.#kept.some((path) => isBelow(attempt.path, path))
  }

  /** Forgets the steps below a path without undoing them, also those of runs that have not ended yet. */
  keep(path: string): void {
    this.#kept.push(path)
    this.forget(path)
  }

  /** Forgets the steps below a path without undoing them. */
  forget(path: string): void {
    for (const { untrack } of this.#take(below(path))) untrack()
  }

  /** Forgets the steps of the runs that an attempt has started, also of runs that have not ended yet. */
  forgetRunsOf(attempt: StepAttempt): void {
    this.#forgotten.add(attempt)
    for (const { untrack } of this.#take(({ startedBy }) => startedBy === attempt)) untrack()
  }

  /** Undoes the steps below a path, last one first. A failed undo is published as an event, and the others still run. */
  undo(path: string): Effect.Effect<void, never, unknown> {
    const undoStep = (step: UndoableStep) =>
      // What the step still does in the background could work against its undo.
      this.#background
        .interrupt(step.path)
        .pipe(Effect.andThen(this.#removeResults(step.path)), Effect.andThen(runUndo(step)))
    const all = Effect.suspend(() => Effect.forEach(this.#take(below(path)), undoStep, { discard: true }))
    // This cannot block forever: each undo has a time limit.
    return Effect.uninterruptible(all)
  }
}
