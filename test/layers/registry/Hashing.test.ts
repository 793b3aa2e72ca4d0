import { describe, expect } from "bun:test"
import { Effect, Fiber } from "effect"
import * as Hashing from "../../../src/layers/registry/Hashing.ts"
import { it } from "../../support/effect.ts"
import { sha256 } from "./fixtures.ts"

const text = (value: string) => new TextEncoder().encode(value)
const body = (...pieces: ReadonlyArray<string>) => ({
  bytes: new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const piece of pieces) controller.enqueue(text(piece))
      controller.close()
    }
  }),
  onError: String
})

describe("pouring bytes", () => {
  it.live("writes them in order, one write at a time, and measures them", () =>
    Effect.gen(function* () {
      const pieces = Array.from({ length: 1000 }, (_, n) => `${n} `)
      const written: Array<string> = []
      let writing = 0
      const measured = yield* Hashing.hashInto(body(...pieces), {
        write: async (some) => {
          expect(++writing).toBe(1)
          // As long as it takes to read many pieces.
          await new Promise((resolve) => setImmediate(resolve))
          written.push(...some.map((piece) => new TextDecoder().decode(piece)))
          writing--
        },
        onError: String
      })
      expect(written).toEqual(pieces)
      const all = text(pieces.join(""))
      expect(measured).toEqual({ digest: `sha256:${sha256(all)}`, size: all.length, magic: text("0 1 ") })
    })
  )

  it.live("fails with the error of the side that broke", () =>
    Effect.gen(function* () {
      const full = { write: () => Promise.reject(new Error("no room")), onError: (cause: unknown) => `write: ${cause}` }
      expect(yield* Effect.flip(Hashing.hashInto(body("one", "two"), full))).toBe("write: Error: no room")
      const cut = {
        bytes: new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("cut short")) }),
        onError: (cause: unknown) => `read: ${cause}`
      }
      expect(yield* Effect.flip(Hashing.hashInto(cut, Hashing.discard))).toBe("read: Error: cut short")
    })
  )

  it.live("stops when interrupted, after the current write", () =>
    Effect.gen(function* () {
      const begun = Promise.withResolvers<void>()
      const disk = Promise.withResolvers<void>()
      let isCancelled = false
      const endless = {
        bytes: new ReadableStream<Uint8Array>({
          pull: (controller) => controller.enqueue(text("more")),
          cancel: () => void (isCancelled = true)
        }),
        onError: String
      }
      const write = () => (begun.resolve(), disk.promise)
      const pouring = yield* Effect.forkChild(Hashing.hashInto(endless, { write: write, onError: String }))
      yield* Effect.promise(() => begun.promise)
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(pouring), { startImmediately: true })
      yield* Effect.yieldNow
      expect(isCancelled).toBe(true)
      expect(interrupting.pollUnsafe()).toBeUndefined()
      disk.resolve()
      yield* Fiber.join(interrupting)
    })
  )
})
