import { Context, Effect, Latch, Layer, type Scope } from "effect"

/** Tells who follows a run that it has news. The news themselves are in the database, so nobody can fall behind. */
export class Feed extends Context.Service<
  Feed,
  {
    /** A latch that opens when a run has news. Close it before each look at the database. */
    listen(run: number): Effect.Effect<Latch.Latch, never, Scope.Scope>
    /** A latch that opens when any run has news. */
    readonly listenToAll: Effect.Effect<Latch.Latch, never, Scope.Scope>
    publish(run: number): Effect.Effect<void>
  }
>()("jiji/serve/Feed") {
  static readonly layer = Layer.sync(Feed, () => {
    const listeners = new Map<number, Set<Latch.Latch>>()
    const forAll = new Set<Latch.Latch>()
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
      listenToAll: Effect.acquireRelease(
        Effect.tap(Latch.make(true), (latch) => Effect.sync(() => forAll.add(latch))),
        (latch) => Effect.sync(() => forAll.delete(latch))
      ),
      publish: (run) =>
        Effect.forEach([...forAll, ...(listeners.get(run) ?? [])], (latch) => latch.open, { discard: true })
    })
  })
}
