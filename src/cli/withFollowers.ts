import { Effect, Fiber } from "effect"
import { Events } from "../core/Events.ts"
import type { Follower } from "../reporters/Reporter.ts"
import { warnReporterFailed } from "../reporters/ReporterFailed.ts"

/** How long a finished run waits for its followers. */
const timeout = "2 seconds"

/** Runs an effect while followers receive its events, then waits for them. A follower that fails causes a warning. */
export const withFollowers = <A, E, R>(followers: ReadonlyArray<Follower>, run: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const { subscribe } = yield* Events
    const fibers = yield* Effect.forEach(followers, (follow) =>
      Effect.flatMap(subscribe, (events) =>
        Effect.forkChild(Effect.catchCause(follow(events), warnReporterFailed), { startImmediately: true })
      )
    )
    return yield* Effect.ensuring(run, Effect.timeoutOption(Fiber.awaitAll(fibers), timeout))
  }).pipe(Effect.scoped)
