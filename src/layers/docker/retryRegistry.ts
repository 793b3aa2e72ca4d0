import { Clock, Duration, Effect, Schedule } from "effect"
import { Events } from "../../core/Events.ts"
import type * as Errors from "./RemoteRegistryError.ts"

/** Longer than this nobody waits for a registry. */
const longest = 60

const times = 3

/** Milliseconds. What has failed for this long the engine has asked for again and again by itself: docker tries an upload five times. */
const enough = 30_000

/** What may be gone in a moment. Credentials, names and certificates are not mended by asking again. */
const passes = (error: { readonly _tag: string }): boolean => {
  // Narrowed by its tag: these are the only classes of these names.
  const said = error as Errors.RemoteRegistryError
  switch (said._tag) {
    case "RegistryRateLimited":
      return !said.isQuota && (said.retryAfter ?? 0) <= longest
    case "RegistryFailing":
    case "RegistryLost":
    case "RegistryTimedOut":
      return true
    default:
      return false
  }
}

const asked = (error: { readonly _tag: string }): number =>
  "retryAfter" in error && typeof error.retryAfter === "number" ? error.retryAfter : 0

const why: Readonly<Record<string, string>> = {
  RegistryRateLimited: "the registry was asked too often",
  RegistryFailing: "the registry has an error of its own",
  RegistryLost: "the connection to the registry broke",
  RegistryTimedOut: "the registry did not answer in time"
}

/**
 * Asks a registry again where that can help: at most three times, after one, two and four seconds, or as long as it
 * asks to wait, up to a minute; not where it has failed for half a minute already. Each time is told by an event.
 */
export const retryRegistry =
  (events: Events["Service"]) =>
  <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Clock.currentTimeMillis, (began) =>
      Effect.retry(
        effect,
        Schedule.exponential("1 second").pipe(
          Schedule.upTo({ times }),
          Schedule.setInputType<E>(),
          Schedule.while(({ input, now }) => passes(input) && now - began < enough),
          Schedule.modifyDelay(({ duration, input }) =>
            Effect.succeed(Duration.seconds(Math.max(Duration.toSeconds(duration), Math.ceil(asked(input)))))
          ),
          Schedule.tap(({ attempt, duration, input }) =>
            events.publish({
              _tag: "StepNoted",
              level: "warning",
              text: `${why[input._tag] ?? input._tag}; asking again in ${Duration.toSeconds(duration)} s (${attempt} of ${times})`
            })
          )
        )
      )
    )
