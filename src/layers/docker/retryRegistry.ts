import { Clock, Duration, Effect, Schedule } from "effect"
import { Events } from "../../core/Events.ts"
import type { EngineRestarted } from "./DockerError.ts"
import type * as Errors from "./RemoteRegistryError.ts"

/** The longest wait that a registry may ask for, in seconds. */
const maxRetryAfter = 60

const maxRetries = 3

/** In milliseconds. After an operation that took this long, the engine has retried by itself: docker tries an upload five times. */
const maxElapsed = 30_000

/** Whether a retry can help. It does not help against wrong credentials, names or certificates. */
const isTransient = (error: { readonly _tag: string }): boolean => {
  // The tag narrows it: no other errors have these tags.
  const registryError = error as Errors.RemoteRegistryError | EngineRestarted
  switch (registryError._tag) {
    case "RegistryRateLimited":
      return !registryError.isQuota && (registryError.retryAfter ?? 0) <= maxRetryAfter
    case "EngineRestarted":
    case "RegistryFailing":
    case "RegistryLost":
    case "RegistryTimedOut":
      return true
    default:
      return false
  }
}

const retryAfterOf = (error: { readonly _tag: string }): number =>
  "retryAfter" in error && typeof error.retryAfter === "number" ? error.retryAfter : 0

const reasons: Readonly<Record<string, string>> = {
  EngineRestarted: "the container engine stopped or restarted",
  RegistryRateLimited: "the registry's rate limit was reached",
  RegistryFailing: "the registry reported an internal error",
  RegistryLost: "the connection to the registry was lost",
  RegistryTimedOut: "the registry did not respond in time"
}

/**
 * Retries a registry operation after transient errors: at most three times, after one, two and four seconds, or as long
 * as the registry asks to wait, up to a minute. Stops retrying after half a minute. Publishes a warning for each retry.
 */
export const retryRegistry =
  (events: Events["Service"]) =>
  <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Clock.currentTimeMillis, (startedAt) =>
      Effect.retry(
        effect,
        Schedule.exponential("1 second").pipe(
          Schedule.upTo({ times: maxRetries }),
          Schedule.setInputType<E>(),
          Schedule.while(({ input, now }) => isTransient(input) && now - startedAt < maxElapsed),
          Schedule.modifyDelay(({ duration, input }) =>
            Effect.succeed(Duration.seconds(Math.max(Duration.toSeconds(duration), Math.ceil(retryAfterOf(input)))))
          ),
          Schedule.tap(({ attempt, duration, input }) =>
            events.publish({
              _tag: "StepNoted",
              level: "warning",
              text: `${reasons[input._tag] ?? input._tag}; retrying in ${Duration.toSeconds(duration)} s (${attempt} of ${maxRetries})`
            })
          )
        )
      )
    )
