import { Deferred, Effect, Exit, Fiber, Scope } from "effect"

/** Values by key. Each value is made on first use and then shared. */
export interface ConnectionCache<A, E> {
  /**
   * Returns the value of a key and makes it if necessary. Concurrent callers wait for the same value. If making it
   * fails, all of them get the error, and the next call tries again. If all of them are interrupted, so is the making.
   * `via` is the value that the new one depends on, such as the connection to its jump host.
   */
  get(key: string, make: Effect.Effect<A, E, Scope.Scope>, via?: A): Effect.Effect<A, E>
  /** Releases a value, after those that depend on it. The next `get` of any of them makes a new one. */
  release(key: string, value: A): Effect.Effect<void>
}

interface Entry<A, E> {
  readonly result: Deferred.Deferred<A, E>
  readonly scope: Scope.Closeable
  fiber?: Fiber.Fiber<A, E>
  waiting: number
  value?: A
}

/**
 * Makes an empty cache. Closing the scope releases all values in parallel, but each one only after those that depend on it:
 * to close a connection takes a round trip.
 */
export const make = <A, E>(): Effect.Effect<ConnectionCache<A, E>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const parent = yield* Effect.scope
    const independent = yield* Scope.fork(parent, "parallel")
    const making = yield* Scope.fork(parent, "parallel")
    const entries = new Map<string, Entry<A, E>>()
    /** The scopes of what depends on a value. */
    const dependents = new Map<A, Scope.Scope>()
    const removeEntry = (key: string, entry: Entry<A, E>) => {
      if (entries.get(key) === entry) entries.delete(key)
    }

    const start = Effect.fnUntraced(function* (key: string, make: Effect.Effect<A, E, Scope.Scope>, via?: A) {
      const above = via === undefined ? undefined : dependents.get(via)
      const scope = yield* Scope.fork(above ?? independent)
      const entry: Entry<A, E> = { result: Deferred.makeUnsafe(), scope, waiting: 0 }
      entries.set(key, entry)
      const keep = Effect.fnUntraced(function* (value: A) {
        entry.value = value
        dependents.set(value, yield* Scope.fork(scope, "parallel"))
        yield* Scope.addFinalizer(
          scope,
          Effect.sync(() => {
            removeEntry(key, entry)
            dependents.delete(value)
          })
        )
      })
      entry.fiber = yield* Effect.interruptible(make).pipe(
        Scope.provide(scope),
        // Runs even when the fiber is interrupted: the waiting callers must get a result.
        Effect.onExit(
          Effect.fnUntraced(function* (exit) {
            if (Exit.isSuccess(exit)) {
              yield* keep(exit.value)
            } else {
              removeEntry(key, entry)
              yield* Scope.close(scope, exit)
            }
            yield* Deferred.done(entry.result, exit)
          })
        ),
        // Not in its own scope: the fiber closes that one itself.
        Effect.forkIn(making)
      )
      return entry
    })

    return {
      get: (key, make, via) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.gen(function* () {
            const entry = entries.get(key) ?? (yield* start(key, make, via))
            entry.waiting++
            return yield* restore(Deferred.await(entry.result)).pipe(
              Effect.onExit((exit) => {
                entry.waiting--
                if (entry.waiting > 0 || Exit.isSuccess(exit) || Deferred.isDoneUnsafe(entry.result)) return Effect.void
                removeEntry(key, entry)
                return entry.fiber === undefined ? Effect.void : Fiber.interrupt(entry.fiber)
              })
            )
          })
        ),
      release: (key, value) =>
        Effect.suspend(() => {
          const entry = entries.get(key)
          return entry === undefined || entry.value !== value ? Effect.void : Scope.close(entry.scope, Exit.void)
        })
    }
  })
