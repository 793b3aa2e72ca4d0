import { Effect, Stream } from "effect"
import * as Garbage from "../garbage.ts"

/** What a stream of bytes turned out to be. `magic` is its first bytes, by which a compression is known. */
export interface Measured {
  readonly digest: string
  readonly size: number
  readonly magic: Uint8Array
}

/** Reads a stream to its end, hashing it. */
export const measure = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Effect.Effect<Measured, E, R> =>
  measureWith(bytes, Stream.runDrain)

/** The same for a stream that `use` reads: what it has read of it is what is measured. */
export const measureWith = <E, R, E2, R2>(
  bytes: Stream.Stream<Uint8Array, E, R>,
  use: (bytes: Stream.Stream<Uint8Array, E, R>) => Effect.Effect<void, E2, R2>
): Effect.Effect<Measured, E2, R2> =>
  Effect.suspend(() => {
    const hash = new Bun.CryptoHasher("sha256")
    const magic = new Uint8Array(4)
    let size = 0
    const hashed = Stream.map(bytes, (chunk) => {
      hash.update(chunk)
      if (size < magic.length) magic.set(chunk.subarray(0, magic.length - size), size)
      size += chunk.length
      Garbage.passed(chunk.length)
      return chunk
    })
    return Effect.map(use(hashed), () => ({ digest: `sha256:${hash.digest("hex")}`, size, magic }))
  })
