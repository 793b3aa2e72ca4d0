import { Duration, Effect, Exit } from "effect"
import { runAuthorFunction } from "../../core/authorFunction.ts"
import { stepLabel, type StepNode } from "../Node.ts"
import type { NameTracker } from "../../core/NameTracker.ts"
import { withNodeEvents, type NodeEffect, type State } from "./nodeEvents.ts"
import { withState } from "./stateReads.ts"
import { StepTimedOut } from "../PipelineError.ts"
import type { Undo } from "../Step.ts"

/** A completed step, and how to undo it. */
interface UndoableStep {
  readonly path: string
  readonly undo: NodeEffect<unknown>
  /** Removes the step from the list of undoable steps. */
  readonly untrack: () => void
}

/** Runs an undo. If it fails, the step stays in the list of undoable steps. */
const runUndo = ({ undo, untrack }: UndoableStep) =>
  Effect.map(Effect.exit(undo), (exit) => {
    if (Exit.isSuccess(exit)) untrack()
  })

/** The completed steps of a run that can be undone, in the order in which they completed. */
export class Undos {
  #steps: Array<UndoableStep> = []
  readonly #tracker: NameTracker

  constructor(tracker: NameTracker) {
    this.#tracker = tracker
  }

  /** Adds a completed step. */
  add(path: string, step: StepNode, undo: Undo, added: unknown, state: State): void {
    const undoPath = `${path}/undo`
    const label = `the undo of ${stepLabel(step)}`
    const call = withState(label, state, (known) =>
      runAuthorFunction(label, step.run, () => undo.run(added as never, known as never))
    )
    const limited = Effect.scoped(call).pipe(
      Effect.timeoutOrElse({
        duration: undo.within,
        orElse: () => Effect.fail(new StepTimedOut({ path: undoPath, millis: Duration.toMillis(undo.within) }))
      })
    )
    this.#steps.push({ path, undo: withNodeEvents("undo", undoPath, limited), untrack: this.#tracker.add(path) })
  }

  /** Removes and returns the steps below a path, last one first. So each step is undone at most once. */
  #take(path: string): ReadonlyArray<UndoableStep> {
    const isBelow = (step: UndoableStep) => step.path.startsWith(`${path}/`) || step.path.startsWith(`${path}[`)
    const taken = this.#steps.filter(isBelow)
    if (taken.length > 0) this.#steps = this.#steps.filter((step) => !isBelow(step))
    return taken.toReversed()
  }

  /** Forgets the steps below a path without undoing them. */
  forget(path: string): void {
    for (const { untrack } of this.#take(path)) untrack()
  }

  /** Undoes the steps below a path, last one first. A failed undo is published as an event, and the others still run. */
  undo(path: string): Effect.Effect<void, never, unknown> {
    const all = Effect.suspend(() => Effect.forEach(this.#take(path), runUndo, { discard: true }))
    // This cannot block forever: each undo has a time limit.
    return Effect.uninterruptible(all)
  }
}
