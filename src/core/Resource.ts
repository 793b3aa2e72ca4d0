import { Effect, Option, type Scope } from "effect"
import { runAuthorFunction } from "./authorFunction.ts"
import { CurrentPath, Events } from "./Events.ts"
import { Held } from "./Held.ts"

/** How long a release may take before it is given up. */
const limit = "5 seconds"

/**
 * Acquires something for the life of the scope, and publishes that it was acquired and released. A release never fails
 * and is bounded in time: one that hangs is given up, so that everything behind it is released too.
 *
 * Acquiring can be interrupted. The release's event carries the path of the node that acquired.
 */
export const acquire = <A, E, R>(
  name: string,
  acquire: Effect.Effect<A, E, R>,
  release: (resource: A) => Effect.Effect<unknown>
): Effect.Effect<A, E, R | Events | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const events = yield* Events
      const path = yield* CurrentPath
      const held = yield* Held
      const resource = yield* restore(acquire)
      const letGo = held.add(name)
      yield* Effect.addFinalizer(() =>
        runAuthorFunction(`the release of ${name}`, release, () => release(resource)).pipe(
          // A finalizer runs uninterruptible, and a time limit needs something that it can interrupt.
          Effect.interruptible,
          Effect.timeoutOption(limit),
          Effect.catchCause(() => Effect.succeedNone),
          Effect.flatMap((ended) => {
            // What was given up may be there still.
            if (Option.isSome(ended)) letGo()
            return events.publish({ _tag: "ResourceReleased", resource: name, clean: Option.isSome(ended) })
          }),
          Effect.provideService(CurrentPath, path)
        )
      )
      yield* events.publish({ _tag: "ResourceAcquired", resource: name })
      return resource
    })
  )
