import { Effect, Option, type Scope } from "effect"
import { runAuthorFunction } from "./authorFunction.ts"
import { CurrentPath, Events } from "./Events.ts"
import { HeldResources } from "./NameTracker.ts"

/** How long a release may take. */
const releaseTimeout = "5 seconds"

/**
 * Acquires a resource and releases it when the scope closes. Publishes a ResourceAcquired and a ResourceReleased event,
 * both with the path of the node that acquired it.
 *
 * A release never fails: if it fails, or takes longer than 5 seconds, the event has `clean: false` and the remaining
 * resources are still released. `acquire` can be interrupted; `release` is not called then. `name` appears in events.
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
      const held = yield* HeldResources
      const resource = yield* restore(acquire)
      const untrack = held.add(name)
      yield* Effect.addFinalizer(() =>
        runAuthorFunction(`the release of ${name}`, release, () => release(resource)).pipe(
          // Finalizers run uninterruptibly, but a timeout has to interrupt the release.
          Effect.interruptible,
          Effect.timeoutOption(releaseTimeout),
          Effect.catchCause(() => Effect.succeedNone),
          Effect.flatMap((ended) => {
            // After a failed release the resource may still exist, so keep its name.
            if (Option.isSome(ended)) untrack()
            return events.publish({ _tag: "ResourceReleased", resource: name, clean: Option.isSome(ended) })
          }),
          Effect.provideService(CurrentPath, path)
        )
      )
      yield* events.publish({ _tag: "ResourceAcquired", resource: name })
      return resource
    })
  )
