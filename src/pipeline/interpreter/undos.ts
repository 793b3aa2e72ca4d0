import { Duration, Effect, Exit } from "effect"
import { runAuthorFunction } from "../../core/authorFunction.ts"
import { stepLabel, type StepNode } from "../Node.ts"
import type { Held } from "../../core/Held.ts"
import { withNodeEvents, type NodeEffect, type State } from "./nodeEvents.ts"
import { StepTimedOut } from "../PipelineError.ts"
import type { Undo } from "../Step.ts"

/** A step that was done, and how to take that back. */
interface Done {
  readonly path: string
  readonly undo: NodeEffect<unknown>
  /** Says that it is not to be undone any more. */
  readonly letGo: () => void
}

/** What fails in it holds nothing up, and is not undone then. */
const undone = ({ letGo, undo }: Done) =>
  Effect.map(Effect.exit(undo), (exit) => {
    if (Exit.isSuccess(exit)) letGo()
  })

/** What a run has done that can be undone, in the order in which it was done. */
export class Undos {
  #done: Array<Done> = []
  readonly #undoable: Held

  constructor(undoable: Held) {
    this.#undoable = undoable
  }

  /** Remembers what a step has done. */
  add(path: string, step: StepNode, undo: Undo, added: unknown, state: State): void {
    const at = `${path}/undo`
    const asked = runAuthorFunction(`the undo of ${stepLabel(step)}`, step.run, () =>
      undo.run(added as never, state as never)
    )
    const limited = Effect.scoped(asked).pipe(
      Effect.timeoutOrElse({
        duration: undo.within,
        orElse: () => Effect.fail(new StepTimedOut({ path: at, millis: Duration.toMillis(undo.within) }))
      })
    )
    this.#done.push({ path, undo: withNodeEvents("undo", at, limited), letGo: this.#undoable.add(path) })
  }

  /** Takes what was done by nodes below a path, the last first. Nobody else is given it then. */
  #take(path: string): ReadonlyArray<Done> {
    const isBelow = (done: Done) => done.path.startsWith(`${path}/`) || done.path.startsWith(`${path}[`)
    const taken = this.#done.filter(isBelow)
    if (taken.length > 0) this.#done = this.#done.filter((done) => !isBelow(done))
    return taken.toReversed()
  }

  /** What was done below a path stays done. */
  forget(path: string): void {
    for (const { letGo } of this.#take(path)) letGo()
  }

  /** Undoes what was done below a path, the last first. What fails in that has been published, and holds nothing up. */
  undo(path: string): Effect.Effect<void, never, unknown> {
    const all = Effect.suspend(() => Effect.forEach(this.#take(path), undone, { discard: true }))
    // Each has a time limit of its own.
    return Effect.uninterruptible(all)
  }
}
