import { describe, expect } from "bun:test"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import * as ConnectionCache from "../../../src/layers/ssh/ConnectionCache.ts"
import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"

/** Values that are released when the test opens their gate, and a log of their releases. */
const releases = () => {
  const log: Array<string> = []
  const gates = new Map<string, Deferred.Deferred<void>>()
  const make = (name: string) =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      gates.set(name, gate)
      yield* Effect.addFinalizer(() =>
        Effect.gen(function* () {
          log.push(`${name} begins`)
          yield* Deferred.await(gate)
          log.push(`${name} ends`)
        })
      )
      return name
    })
  const open = (name: string) =>
    Effect.flatMap(Effect.fromNullishOr(gates.get(name)), (gate) => Deferred.succeed(gate, undefined))
  return { log, make, open }
}

describe("closing a cache of connections", () => {
  it.live("releases all values at the same time", () =>
    Effect.gen(function* () {
      const { log, make, open } = releases()
      const scope = yield* Scope.make()
      const cache = yield* ConnectionCache.make<string, never>().pipe(Scope.provide(scope))
      const names = ["web1", "web2", "web3"]
      for (const name of names) yield* cache.get(name, make(name))
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      // None of them has ended when the last one begins.
      yield* untilEffect(() => log.length === 3)
      expect(log.toSorted()).toEqual(names.map((name) => `${name} begins`))
      for (const name of names) yield* open(name)
      yield* Fiber.join(closing)
      expect(log).toHaveLength(6)
    })
  )

  it.live("releases a jump host after everything that goes through it", () =>
    Effect.gen(function* () {
      const { log, make, open } = releases()
      const scope = yield* Scope.make()
      const cache = yield* ConnectionCache.make<string, never>().pipe(Scope.provide(scope))
      const outer = yield* cache.get("outer", make("outer"))
      const inner = yield* cache.get("inner", make("inner"), outer)
      for (const name of ["web1", "web2"]) yield* cache.get(name, make(name), inner)
      yield* cache.get("db", make("db"))
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* untilEffect(() => log.length === 3)
      expect(log.toSorted()).toEqual(["db begins", "web1 begins", "web2 begins"])
      yield* open("web2")
      yield* untilEffect(() => log.includes("web2 ends"))
      expect(log).not.toContain("inner begins")
      yield* open("web1")
      yield* untilEffect(() => log.includes("inner begins"))
      expect(log).not.toContain("outer begins")
      for (const name of ["inner", "outer", "db"]) yield* open(name)
      yield* Fiber.join(closing)
      const order = ["web1 ends", "inner begins", "inner ends", "outer begins"]
      expect(log.filter((line) => order.includes(line))).toEqual(order)
    })
  )

  it.live("makes new values for everything that went through a released jump host", () =>
    Effect.gen(function* () {
      const cache = yield* ConnectionCache.make<{ readonly name: string }, never>()
      const jump = yield* cache.get("jump", Effect.succeed({ name: "jump" }))
      const first = yield* cache.get("web1", Effect.succeed({ name: "web1" }), jump)
      yield* cache.release("jump", jump)
      const again = yield* cache.get("jump", Effect.succeed({ name: "jump" }))
      const second = yield* cache.get("web1", Effect.succeed({ name: "web1" }), again)
      expect(again).not.toBe(jump)
      expect(second).not.toBe(first)
    })
  )

  it.live("interrupts everything that is still being made at the same time", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const cache = yield* ConnectionCache.make<string, never>().pipe(Scope.provide(scope))
      const both = yield* Deferred.make<void>()
      let begun = 0
      let interrupted = 0
      const forever = Effect.suspend(() => {
        begun++
        return Effect.never
      })
      const stuck = Effect.onInterrupt(forever, () => {
        interrupted++
        return interrupted === 2 ? Deferred.succeed(both, undefined) : Deferred.await(both)
      })
      const fibers = yield* Effect.forEach(["web1", "web2"], (name) => Effect.forkChild(cache.get(name, stuck)))
      yield* untilEffect(() => begun === 2)
      yield* Scope.close(scope, Exit.void)
      expect(interrupted).toBe(2)
      yield* Fiber.awaitAll(fibers)
    })
  )
})
