import { Duration, Effect } from "effect"
import { observed, type Run, type State } from "./observed.ts"
import { StepTimedOut } from "./PipelineError.ts"
import type { Undo } from "./Step.ts"

/** A step that was done, and how to take that back. */
interface Done {
  readonly path: string
  readonly undo: Run<unknown>
}

/** What a run has done that can be undone, in the order in which it was done. */
export class Undos {
  #done: Array<Done> = []

  /** Remembers what a step has done. */
  add(path: string, undo: Undo, added: unknown, state: State): void {
    const at = `${path}/undo`
    const limited = Effect.scoped(Effect.suspend(() => undo.run(added as never, state as never))).pipe(
      Effect.timeoutOrElse({
        duration: undo.within,
        orElse: () => Effect.fail(new StepTimedOut({ path: at, millis: Duration.toMillis(undo.within) }))
      })
    )
    this.#done.push({ path, undo: observed("undo", at, limited) })
  }

  /** Takes what was done by nodes below a path, the last first. Nobody else is given it then. */
  take(path: string): ReadonlyArray<Run<unknown>> {
    const isBelow = (done: Done) => done.path.startsWith(`${path}/`) || done.path.startsWith(`${path}[`)
    const taken = this.#done.filter(isBelow)
    if (taken.length > 0) this.#done = this.#done.filter((done) => !isBelow(done))
    return taken.map(({ undo }) => undo).toReversed()
  }

  /** Undoes what was done below a path, the last first. What fails in that has been published, and holds nothing up. */
  undo(path: string): Effect.Effect<void, never, unknown> {
    const all = Effect.suspend(() => Effect.forEach(this.take(path), Effect.exit, { discard: true }))
    // Each has a time limit of its own.
    return Effect.uninterruptible(all)
  }
}
