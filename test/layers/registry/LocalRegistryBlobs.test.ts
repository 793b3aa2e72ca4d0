import { describe, expect } from "bun:test"
import { rmSync, writeFileSync } from "node:fs"
import { Effect } from "effect"
import { parseRange } from "../../../src/layers/registry/Response.ts"
import { it } from "../../support/effect.ts"
import * as Fixtures from "./fixtures.ts"
import { served, bodyOf } from "./served.ts"

const { hexOf } = Fixtures

describe("the registry's API", () => {
  it.live("returns ranges of a blob", () =>
    Effect.gen(function* () {
      const { get, blob, bytes } = yield* served
      const size = bytes.length
      const cases = [
        ["bytes=0-0", 0, 0],
        ["bytes=5-10", 5, 10],
        ["bytes=2000000-", 2_000_000, size - 1],
        ["bytes=-7", size - 7, size - 1],
        [`bytes=-${size + 5}`, 0, size - 1],
        [`bytes=10-${size + 5}`, 10, size - 1]
      ] as const
      for (const [range, first, last] of cases) {
        const response = yield* get(blob, { headers: { range } })
        expect([range, response.status]).toEqual([range, 206])
        expect(response.headers.get("content-range")).toBe(`bytes ${first}-${last}/${size}`)
        expect(response.headers.get("content-length")).toBe(String(last - first + 1))
        expect(Buffer.compare(yield* bodyOf(response), bytes.subarray(first, last + 1))).toBe(0)
      }
    })
  )

  it.live("rejects a range that does not exist, and returns the whole blob for one it does not understand", () =>
    Effect.gen(function* () {
      const { get, blob, bytes } = yield* served
      for (const range of [`bytes=${bytes.length}-`, "bytes=-0"]) {
        const response = yield* get(blob, { headers: { range } })
        expect([range, response.status]).toEqual([range, 416])
        expect(response.headers.get("content-range")).toBe(`bytes */${bytes.length}`)
      }
      for (const range of ["bytes=a-b", "bytes=10-5", "lines=1-2", "bytes=0-1,3-4", "bytes=-"]) {
        const response = yield* get(blob, { headers: { range } })
        expect([range, response.status, (yield* bodyOf(response)).length]).toEqual([range, 200, bytes.length])
      }
    })
  )

  it.live("does not return a blob that was changed in place or removed", () =>
    Effect.gen(function* () {
      const { directory, get, blob, first, bytes } = yield* served
      const path = `${directory}/blobs/sha256/${hexOf(first.digest)}`
      writeFileSync(path, new Uint8Array(bytes.length))
      expect((yield* get(blob)).status).toBe(404)
      rmSync(path)
      expect((yield* get(blob)).status).toBe(404)
    })
  )

  it.live("counts the bytes that it sends", () =>
    Effect.gen(function* () {
      const { get, blob, first, counted, stored } = yield* served
      const manifest = yield* get("/v2/shop/web/manifests/v1")
      const length = (yield* bodyOf(manifest)).length
      yield* Effect.flatMap(get(blob, { method: "HEAD" }), bodyOf)
      yield* Effect.flatMap(get(blob), bodyOf)
      yield* Effect.flatMap(get(blob, { headers: { range: "bytes=10-19" } }), bodyOf)
      expect(counted).toEqual([
        [length, stored.digest],
        [first.size, first.digest],
        [10, first.digest]
      ])
    })
  )

  it.live("serves a blob to many readers at the same time", () =>
    Effect.gen(function* () {
      const { get, blob, first } = yield* served
      const read = Effect.map(Effect.flatMap(get(blob), bodyOf), Fixtures.sha256)
      const digests = yield* Effect.all(
        Array.from({ length: 20 }, () => read),
        { concurrency: "unbounded" }
      )
      expect(new Set(digests)).toEqual(new Set([hexOf(first.digest)]))
    })
  )

  it.effect("reads ranges of an empty resource", () =>
    Effect.sync(() => {
      for (const header of ["bytes=0-", "bytes=-5", "bytes=0-0"]) expect(parseRange(header, 0)).toBe("unsatisfiable")
      expect(parseRange(null, 0)).toBeUndefined()
    })
  )
})
