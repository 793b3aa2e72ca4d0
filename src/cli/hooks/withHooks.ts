import { Effect, Exit, Fiber, Layer } from "effect"
import { Events } from "../../core/Events.ts"
import { writeStderr } from "../process/stderr.ts"
import { OnGitHub, formatWarning } from "../github.ts"
import type { HookFailed } from "./HookFailed.ts"
import type { Hooks } from "./Hooks.ts"
import { plural } from "../../core/text.ts"

/** Warnings about failed hooks, except `error`, which the command fails with. */
const hookWarnings = (
  { dropped, failed }: ReturnType<Hooks["report"]>,
  error: HookFailed | undefined,
  onGitHub: boolean
): string => {
  const lines = failed
    .filter((one) => one.error !== error)
    .map(({ error: { message, remedy } }) => formatWarning(onGitHub, message, remedy))
  if (dropped > 0) {
    const text = `${plural(dropped, "event")} ${dropped === 1 ? "was" : "were"} dropped because hooks were too slow.`
    lines.push(
      formatWarning(
        onGitHub,
        text,
        "Run hooks on fewer events, or let them start long work in the background and exit."
      )
    )
  }
  return lines.join("")
}

/**
 * Runs with the hooks of a project, if it has any. The layer that `run` gets waits for required hooks on `run.started`, and
 * fails with them. If a required hook fails later, a run that succeeded fails with its error.
 */
export const withHooks = <A, E, R, E2, R2>(
  prepared: Effect.Effect<Hooks | undefined, E2, R2>,
  run: (startHooks: Layer.Layer<never, HookFailed>) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const hooks = yield* prepared
    if (hooks === undefined) return yield* run(Layer.empty)
    const events = yield* (yield* Events).subscribe
    const fiber = yield* Effect.forkChild(hooks.follow(events), { startImmediately: true })
    return yield* Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(restore(run(Layer.effectDiscard(hooks.started))))
        // Each hook has its own timeout.
        yield* Fiber.await(fiber)
        const report = hooks.report()
        const required = report.failed.find((one) => one.required)?.error
        const failedRun =
          Exit.isFailure(exit) && exit.cause.reasons.some((reason) => "error" in reason && reason.error === required)
        const text = hookWarnings(report, failedRun || Exit.isSuccess(exit) ? required : undefined, yield* OnGitHub)
        if (text !== "") yield* writeStderr(text)
        return Exit.isSuccess(exit) && required !== undefined ? yield* required : yield* exit
      })
    )
  }).pipe(Effect.scoped)
