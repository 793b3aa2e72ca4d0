import { Effect, Stream } from "effect"

/** What a stream of bytes turned out to be. `magic` is its first bytes, by which a compression is known. */
export interface Measured {
  readonly digest: string
  readonly size: number
  readonly magic: Uint8Array
}

/** The size of the pieces in which bytes are read and written: a call for each 64 KiB of a pipe is what costs time. */
export const pieceSize = 1024 * 1024

/**
 * Reads a stream to its end, hashing it. `write` gets all of its bytes in pieces of {@link pieceSize}, the last one
 * shorter; a piece is only valid until `write` returns.
 */
export const measure = <E, R, E2 = never, R2 = never>(
  bytes: Stream.Stream<Uint8Array, E, R>,
  write?: (piece: Uint8Array) => Effect.Effect<void, E2, R2>
): Effect.Effect<Measured, E | E2, R | R2> =>
  Effect.suspend(() => {
    const hash = new Bun.CryptoHasher("sha256")
    const magic = new Uint8Array(4)
    const piece = new Uint8Array(write === undefined ? 0 : pieceSize)
    let size = 0
    let filled = 0
    const fill = Effect.fnUntraced(function* (
      chunk: Uint8Array,
      write: (piece: Uint8Array) => Effect.Effect<void, E2, R2>
    ) {
      for (let offset = 0; offset < chunk.length;) {
        const part = chunk.subarray(offset, offset + piece.length - filled)
        piece.set(part, filled)
        filled += part.length
        offset += part.length
        if (filled === piece.length) {
          filled = 0
          yield* write(piece)
        }
      }
    })
    return bytes.pipe(
      Stream.runForEach((chunk) => {
        hash.update(chunk)
        if (size < magic.length) magic.set(chunk.subarray(0, magic.length - size), size)
        size += chunk.length
        return write === undefined ? Effect.void : fill(chunk, write)
      }),
      Effect.andThen(
        Effect.suspend(() => (write === undefined || filled === 0 ? Effect.void : write(piece.subarray(0, filled))))
      ),
      Effect.map(() => ({ digest: `sha256:${hash.digest("hex")}`, size, magic }))
    )
  })
