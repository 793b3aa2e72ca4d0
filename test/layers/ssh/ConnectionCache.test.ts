import { describe, expect } from "bun:test"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import * as Shared from "../../../src/layers/ssh/ConnectionCache.ts"
import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"

/** A value that is made when told, and counts how often it was begun and released. */
const counted = Effect.gen(function* () {
  const gate = yield* Deferred.make<string, string>()
  const counts = { begun: 0, interrupted: 0, released: 0 }
  const make = Effect.gen(function* () {
    counts.begun++
    yield* Effect.addFinalizer(() => Effect.sync(() => counts.released++))
    return yield* Effect.onInterrupt(Deferred.await(gate), () => Effect.sync(() => counts.interrupted++))
  })
  return { gate, counts, make }
})

/** Waits until all who ask have asked: they start in the same turn. */
const settled = (counts: { readonly begun: number }) => untilEffect(() => counts.begun > 0)

describe("a shared value", () => {
  it.live("is created once for everyone who asks", () =>
    Effect.gen(function* () {
      const { counts, gate, make } = yield* counted
      const shared = yield* Shared.make<string, string>()
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(shared.get("a", make)))
      yield* settled(counts)
      yield* Deferred.succeed(gate, "made")
      expect(yield* Effect.forEach(fibers, Fiber.join)).toEqual(["made", "made", "made"])
      expect(yield* shared.get("a", make)).toBe("made")
      expect(counts).toEqual({ begun: 1, interrupted: 0, released: 0 })
    })
  )

  it.live("that fails is released, fails everyone who waits, and is created again for the next", () =>
    Effect.gen(function* () {
      const { counts, gate, make } = yield* counted
      const shared = yield* Shared.make<string, string>()
      const fibers = yield* Effect.forEach([1, 2], () => Effect.forkChild(Effect.flip(shared.get("a", make))))
      yield* settled(counts)
      yield* Deferred.fail(gate, "no")
      expect(yield* Effect.forEach(fibers, Fiber.join)).toEqual(["no", "no"])
      expect(counts).toEqual({ begun: 1, interrupted: 0, released: 1 })
      expect(yield* shared.get("a", Effect.succeed("yes"))).toBe("yes")
    })
  )

  it.live("is still created when one of those who wait is interrupted", () =>
    Effect.gen(function* () {
      const { counts, gate, make } = yield* counted
      const shared = yield* Shared.make<string, string>()
      const first = yield* Effect.forkChild(shared.get("a", make))
      const second = yield* Effect.forkChild(shared.get("a", make))
      yield* settled(counts)
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(gate, "made")
      expect(yield* Fiber.join(second)).toBe("made")
      expect(counts).toEqual({ begun: 1, interrupted: 0, released: 0 })
    })
  )

  it.live("is abandoned and released when the last one is interrupted", () =>
    Effect.gen(function* () {
      const { counts, make } = yield* counted
      const shared = yield* Shared.make<string, string>()
      const fibers = yield* Effect.forEach([1, 2], () => Effect.forkChild(shared.get("a", make)))
      yield* settled(counts)
      yield* Fiber.interruptAll(fibers)
      expect(counts).toEqual({ begun: 1, interrupted: 1, released: 1 })
      expect(yield* shared.get("a", Effect.succeed("again"))).toBe("again")
    })
  )

  it.live("is released with the scope, even while it is being created", () =>
    Effect.gen(function* () {
      const { counts, make } = yield* counted
      const scope = yield* Scope.make()
      const shared = yield* Shared.make<string, string>().pipe(Scope.provide(scope))
      yield* shared.get(
        "a",
        Effect.andThen(
          Effect.addFinalizer(() => Effect.sync(() => counts.released++)),
          Effect.succeed("a")
        )
      )
      const waiting = yield* Effect.forkChild(Effect.exit(shared.get("b", make)))
      yield* settled(counts)
      yield* Scope.close(scope, Exit.void)
      expect(counts).toEqual({ begun: 1, interrupted: 1, released: 2 })
      expect(Exit.isFailure(yield* Fiber.join(waiting))).toBe(true)
    })
  )

  it.live("is created again after it was dropped, once", () =>
    Effect.gen(function* () {
      const shared = yield* Shared.make<{ readonly n: number }, never>()
      const first = yield* shared.get("a", Effect.succeed({ n: 1 }))
      yield* shared.release("a", first)
      const second = yield* shared.get("a", Effect.succeed({ n: 2 }))
      yield* shared.release("a", first)
      expect(yield* shared.get("a", Effect.succeed({ n: 3 }))).toBe(second)
    })
  )
})
