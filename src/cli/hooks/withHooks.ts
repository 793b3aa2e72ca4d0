import { Effect, Exit, Fiber, Layer } from "effect"
import { Events } from "../../core/Events.ts"
import { aside } from "../process/stderr.ts"
import { OnGitHub, warned } from "../github.ts"
import type { HookFailed } from "./HookFailed.ts"
import type { Hooks } from "./Hooks.ts"
import { plural } from "../../core/text.ts"

/** What is said, after a run, of the hooks that failed and are not what it ends in. */
const warnings = (
  { failed, missed }: ReturnType<Hooks["report"]>,
  error: HookFailed | undefined,
  onGitHub: boolean
): string => {
  const lines = failed
    .filter((one) => one.error !== error)
    .map(({ error: { message, remedy } }) => warned(onGitHub, message, remedy))
  if (missed > 0) {
    const text = `${plural(missed, "event")} passed the hooks by, which took longer than the run.`
    lines.push(warned(onGitHub, text, "Let fewer events run hooks, or let them hand long work on and end."))
  }
  return lines.join("")
}

/**
 * Runs with the hooks of a project, if it has any. `run` is given a layer that is there when the hooks of the run's
 * beginning let it begin. A required hook that fails later is what a run that ended well ends in.
 */
export const hooked = <A, E, R, E2, R2>(
  prepared: Effect.Effect<Hooks | undefined, E2, R2>,
  run: (begun: Layer.Layer<never, HookFailed>) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const hooks = yield* prepared
    if (hooks === undefined) return yield* run(Layer.empty)
    const events = yield* (yield* Events).subscribe
    const fiber = yield* Effect.forkChild(hooks.follow(events), { startImmediately: true })
    return yield* Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(restore(run(Layer.effectDiscard(hooks.begin))))
        // Each has a time limit of its own.
        yield* Fiber.await(fiber)
        const report = hooks.report()
        const required = report.failed.find((one) => one.required)?.error
        // What stopped the run at its beginning is told already, as what it failed with.
        const told = Exit.isFailure(exit) && exit.cause.reasons.some((it) => "error" in it && it.error === required)
        const text = warnings(report, told || Exit.isSuccess(exit) ? required : undefined, yield* OnGitHub)
        if (text !== "") yield* aside(text)
        return Exit.isSuccess(exit) && required !== undefined ? yield* required : yield* exit
      })
    )
  }).pipe(Effect.scoped)
