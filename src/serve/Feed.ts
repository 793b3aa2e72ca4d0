import { Context, Effect, Latch, Layer, type Scope } from "effect"

/** Listens to the news of every run. Runs count from 1. */
export const anyRun = 0

/** Tells who follows a run that it has news. The news themselves are in the database, so nobody can fall behind. */
export class Feed extends Context.Service<
  Feed,
  {
    /** A latch that opens when a run (or {@link anyRun}) has news. Close it before each look at the database. */
    listen(run: number): Effect.Effect<Latch.Latch, never, Scope.Scope>
    publish(run: number): Effect.Effect<void>
  }
>()("jiji/serve/Feed") {
  static readonly layer = Layer.sync(Feed, () => {
    const listeners = new Map<number, Set<Latch.Latch>>()
    return Feed.of({
      listen: (run) =>
        Effect.acquireRelease(
          Effect.map(Latch.make(true), (latch) => {
            listeners.set(run, (listeners.get(run) ?? new Set()).add(latch))
            return latch
          }),
          (latch) =>
            Effect.sync(() => {
              const others = listeners.get(run)
              others?.delete(latch)
              if (others?.size === 0) listeners.delete(run)
            })
        ),
      publish: (run) =>
        Effect.forEach([...(listeners.get(run) ?? []), ...(listeners.get(anyRun) ?? [])], (latch) => latch.open, {
          discard: true
        })
    })
  })
}
