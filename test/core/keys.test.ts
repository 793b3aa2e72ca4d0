import { describe, expect, test } from "bun:test"
import { Effect, Redacted } from "effect"
import fc from "fast-check"
import type { Event } from "../../src/core/Event.ts"
import { decodeKey, encodeKey } from "../../src/core/keys.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { publicPaths } from "../../src/core/publicPaths.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"
import { parsePath } from "../../src/reporters/eventLine.ts"
import { it } from "../support/effect.ts"
import { fail, pass, watched } from "../pipeline/watch.ts"

const { forEach, make, run, step } = Pipeline
const paths = (events: ReadonlyArray<Event>) =>
  events.flatMap((event) => (event._tag === "StepStarted" && event.kind === "step" ? [event.path] : []))

describe("item keys", () => {
  test("are encoded reversibly, without characters that have a meaning in paths", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (key) => {
        expect(encodeKey(key)).not.toMatch(/[[\]/\p{Cc}\u2028-\u202e]/u)
        expect(decodeKey(encodeKey(key))).toBe(key)
      })
    )
    expect(encodeKey("ä web:1#2")).toBe("ä web:1#2")
  })

  it.effect("can be any string, and reporters show the original key", () =>
    Effect.gen(function* () {
      const keys = ["a]/x", "a", "b/c", "50%", "a\n::error title=pwn::x", "\u001b[2J\u202edlrow"]
      const body = make<{ readonly item: string }>("body").pipe(step(pass("pull")))
      const { events } = yield* watched(
        run(make("p").pipe(forEach({ name: "all", as: "item", items: () => keys, key: String, body })), {})
      )
      expect(paths(events).slice(0, 4)).toEqual([
        "p/all[a%5D%2Fx]/pull",
        "p/all[a]/pull",
        "p/all[b%2Fc]/pull",
        "p/all[50%25]/pull"
      ])
      expect(paths(events).map(parsePath)).toEqual(
        ["a]/x", "a", "b/c", "50%", "a ::error title=pwn::x", "dlrow"].map((key) => ({ keys: [key], name: "pull" }))
      )
    })
  )

  it.effect("do not cause the undo of an item whose key looks like a path", () =>
    Effect.gen(function* () {
      const undone: Array<string> = []
      const work = Step.make("work", ({ item }: { readonly item: string }) => Effect.succeed({ did: item })).pipe(
        Step.undo(({ did }: { readonly did: string }) => Effect.sync(() => undone.push(did)))
      )
      const inner = make<{ readonly item: string }>("inner").pipe(step(work), step(fail("late")))
      const body = make<{ readonly item: string }>("body").pipe(
        step(work),
        forEach({
          name: "in",
          as: "part",
          items: ({ item }: { readonly item: string }) => (item === "a" ? ["x"] : []),
          key: String,
          strategy: Strategy.parallel({ onFailure: "undo" }),
          body: inner
        })
      )
      yield* watched(
        run(
          make("p").pipe(
            forEach({
              name: "all",
              as: "item",
              items: () => ["a]/in[x]/y", "a"],
              key: String,
              strategy: Strategy.parallel({ concurrency: 1, onFailure: "continue" }),
              body
            })
          ),
          {}
        )
      )
      expect(undone).not.toContain("a]/in[x]/y")
    })
  )
})

describe("publicPaths", () => {
  const scrubberWith = (...secrets: ReadonlyArray<string>) => {
    const scrubber = Scrubber.make()
    for (const secret of secrets) scrubber.add(Redacted.make(secret))
    return scrubber
  }

  test("removes secrets and keeps items with secret keys apart", () => {
    const { toPublic } = publicPaths(scrubberWith("hunter22", "pass/word").text)
    expect(toPublic("r", "p/all[hunter22]/pull")).toBe("p/all[<redacted>]/pull")
    expect(toPublic("r", `p/all[${encodeKey("pass/word")}]`)).toBe("p/all[<redacted>#2]")
    expect(toPublic("r", "p/all[hunter22]/push")).toBe("p/all[<redacted>]/push")
  })

  test("keeps paths stable when more secrets become known, and children below their parents", () => {
    const scrubber = scrubberWith()
    const { forget, toPublic } = publicPaths(scrubber.text)
    expect(toPublic("r", "p/all[hunter22]")).toBe("p/all[hunter22]")
    scrubber.add(Redacted.make("hunter22"))
    expect(toPublic("r", "p/all[hunter22]")).toBe("p/all[hunter22]")
    expect(toPublic("r", "p/all[hunter22]/hunter22")).toBe("p/all[hunter22]/<redacted>")
    forget("r")
    expect(toPublic("r", "p/all[hunter22]")).toBe("p/all[<redacted>]")
  })
})
