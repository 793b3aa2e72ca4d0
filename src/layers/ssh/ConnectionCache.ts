import { Deferred, Effect, Exit, Fiber, Scope } from "effect"

/** Values by key. Each value is made on first use and then shared. */
export interface ConnectionCache<A, E> {
  /**
   * Returns the value of a key and makes it if necessary. Concurrent callers wait for the same value. If making it
   * fails, all of them get the error, and the next call tries again. If all of them are interrupted, so is the making.
   */
  get(key: string, make: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E>
  /** Releases a value; the next `get` makes a new one. */
  release(key: string, value: A): Effect.Effect<void>
}

interface Entry<A, E> {
  readonly result: Deferred.Deferred<A, E>
  readonly scope: Scope.Closeable
  fiber?: Fiber.Fiber<A, E>
  waiting: number
  value?: A
}

/** Makes an empty cache. Closing the scope releases all values, the newest first. */
export const make = <A, E>(): Effect.Effect<ConnectionCache<A, E>, never, Scope.Scope> =>
  Effect.map(Effect.scope, (parent) => {
    const entries = new Map<string, Entry<A, E>>()
    const removeEntry = (key: string, entry: Entry<A, E>) => {
      if (entries.get(key) === entry) entries.delete(key)
    }

    const start = Effect.fnUntraced(function* (key: string, make: Effect.Effect<A, E, Scope.Scope>) {
      const scope = yield* Scope.fork(parent)
      const entry: Entry<A, E> = { result: Deferred.makeUnsafe(), scope, waiting: 0 }
      entries.set(key, entry)
      entry.fiber = yield* Effect.interruptible(make).pipe(
        Scope.provide(scope),
        // Runs even when the fiber is interrupted: the waiting callers must get a result.
        Effect.onExit(
          Effect.fnUntraced(function* (exit) {
            if (Exit.isSuccess(exit)) {
              entry.value = exit.value
            } else {
              removeEntry(key, entry)
              yield* Scope.close(scope, exit)
            }
            yield* Deferred.done(entry.result, exit)
          })
        ),
        // Not in its own scope: the fiber closes that one itself.
        Effect.forkIn(parent)
      )
      return entry
    })

    return {
      get: (key, make) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.gen(function* () {
            const entry = entries.get(key) ?? (yield* start(key, make))
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
          if (entry === undefined || entry.value !== value) return Effect.void
          removeEntry(key, entry)
          return Scope.close(entry.scope, Exit.void)
        })
    }
  })
