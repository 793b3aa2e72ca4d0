import { Deferred, Effect, Exit, Fiber, Scope } from "effect"

/** Values by key, each made on first use and shared from then on. */
export interface ConnectionCache<A, E> {
  /**
   * The value of a key. Those who ask while it is being made wait for the same one. A failure is given to all who
   * wait, and not kept; making is given up when nobody waits any more.
   */
  get(key: string, make: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E>
  /** Releases a value, so that the next use makes a new one. */
  drop(key: string, value: A): Effect.Effect<void>
}

interface Entry<A, E> {
  readonly result: Deferred.Deferred<A, E>
  readonly scope: Scope.Closeable
  fiber?: Fiber.Fiber<A, E>
  waiting: number
  value?: A
}

/** All values are released with the scope, the ones made last first. */
export const make = <A, E>(): Effect.Effect<ConnectionCache<A, E>, never, Scope.Scope> =>
  Effect.map(Effect.scope, (parent) => {
    const entries = new Map<string, Entry<A, E>>()
    const forget = (key: string, entry: Entry<A, E>) => {
      if (entries.get(key) === entry) entries.delete(key)
    }

    const begin = Effect.fnUntraced(function* (key: string, make: Effect.Effect<A, E, Scope.Scope>) {
      const scope = yield* Scope.fork(parent)
      const entry: Entry<A, E> = { result: Deferred.makeUnsafe(), scope, waiting: 0 }
      entries.set(key, entry)
      entry.fiber = yield* Effect.interruptible(make).pipe(
        Scope.provide(scope),
        // To the end, even of a fiber that is interrupted: those who wait must hear of it.
        Effect.onExit(
          Effect.fnUntraced(function* (exit) {
            if (Exit.isSuccess(exit)) {
              entry.value = exit.value
            } else {
              forget(key, entry)
              yield* Scope.close(scope, exit)
            }
            yield* Deferred.done(entry.result, exit)
          })
        ),
        // Not in its own scope, which it closes.
        Effect.forkIn(parent)
      )
      return entry
    })

    return {
      get: (key, make) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.gen(function* () {
            const entry = entries.get(key) ?? (yield* begin(key, make))
            entry.waiting++
            return yield* restore(Deferred.await(entry.result)).pipe(
              Effect.onExit((exit) => {
                entry.waiting--
                if (entry.waiting > 0 || Exit.isSuccess(exit) || Deferred.isDoneUnsafe(entry.result)) return Effect.void
                forget(key, entry)
                return entry.fiber === undefined ? Effect.void : Fiber.interrupt(entry.fiber)
              })
            )
          })
        ),
      drop: (key, value) =>
        Effect.suspend(() => {
          const entry = entries.get(key)
          if (entry === undefined || entry.value !== value) return Effect.void
          forget(key, entry)
          return Scope.close(entry.scope, Exit.void)
        })
    }
  })
