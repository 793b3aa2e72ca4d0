import { describe, expect, test } from "bun:test"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { ClientAddress, clientAddress, WrongTokens } from "../../src/serve/page/WrongTokens.ts"

/** Counts a wrong token, and returns whether these are too many. */
const wrong = (address: string) =>
  Effect.flatMap(WrongTokens, ({ count }) => Effect.provideService(count, ClientAddress, address))

const run = <A>(effect: Effect.Effect<A, never, WrongTokens>) =>
  Effect.runPromise(effect.pipe(Effect.provide([WrongTokens.layer, TestClock.layer()])))

const times = (count: number, address: string) =>
  Effect.map(
    Effect.forEach(Array.from({ length: count }), () => wrong(address)),
    (all) => all.filter(Boolean).length
  )

describe("the limit of wrong tokens", () => {
  test("counts 20 in a minute for each address", () =>
    run(
      Effect.gen(function* () {
        expect(yield* times(20, "203.0.113.9")).toBe(0)
        expect(yield* times(5, "203.0.113.9")).toBe(5)
        expect(yield* wrong("203.0.113.10")).toBe(false)
        yield* TestClock.adjust("61 seconds")
        expect(yield* wrong("203.0.113.9")).toBe(false)
      })
    ))

  test("takes the network of an IPv6 address, however it is written", () =>
    run(
      Effect.gen(function* () {
        expect(yield* times(20, "2001:db8::1")).toBe(0)
        for (const same of ["2001:db8:0:0::2", "2001:db8:0:0:5:6:7:8"]) expect(yield* wrong(same)).toBe(true)
        for (const other of ["2001:db8:0:1::1", "2001:db8:1::1", "::1"]) expect(yield* wrong(other)).toBe(false)
        expect(yield* times(20, "203.0.113.9")).toBe(0)
        expect(yield* wrong("::ffff:203.0.113.9")).toBe(true)
      })
    ))

  test("remembers few addresses: the oldest are forgotten", () =>
    run(
      Effect.gen(function* () {
        yield* times(21, "203.0.113.9")
        yield* Effect.forEach(Array.from({ length: 9_999 }), (_, index) => wrong(`10.0.${index >> 8}.${index & 255}`))
        expect(yield* wrong("203.0.113.9")).toBe(true)
        yield* wrong("192.0.2.1")
        expect(yield* wrong("203.0.113.9")).toBe(false)
      })
    ))
})

test("believes only a proxy on this machine about addresses", () => {
  expect(clientAddress("127.0.0.1", "198.51.100.1, 203.0.113.9")).toBe("203.0.113.9")
  expect(clientAddress("::1", "2001:db8::1")).toBe("2001:db8::1")
  expect(clientAddress("::ffff:127.0.0.1", "203.0.113.9")).toBe("203.0.113.9")
  expect(clientAddress("192.0.2.7", "203.0.113.9")).toBe("192.0.2.7")
  for (const none of [null, "", "unknown", "203.0.113.9, <x>"])
    expect(clientAddress("127.0.0.1", none)).toBe("127.0.0.1")
})
