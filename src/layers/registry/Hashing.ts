import { Effect, Stream } from "effect"
import * as Garbage from "../../core/collectGarbage.ts"

/** The digest and the size of a stream, and its first four bytes, which identify a compression. */
export interface Hashed {
  readonly digest: string
  readonly size: number
  readonly magic: Uint8Array
}

/** A stream of bytes, for example a file in an archive. */
export interface Body<E> {
  readonly bytes: ReadableStream<Uint8Array>
  /** Maps the error of a failed read. */
  readonly onError: (cause: unknown) => E
}

/** A destination for bytes. */
export interface Sink<E> {
  readonly write: (pieces: ReadonlyArray<Uint8Array>) => Promise<void>
  /** Maps the error of a failed write. */
  readonly onError: (cause: unknown) => E
}

/** Discards the bytes, for callers that only need the hash. */
export const discard: Sink<never> = {
  write: () => Promise.resolve(),
  onError: (cause) => {
    throw cause
  }
}

const makeHasher = () => {
  const hash = new Bun.CryptoHasher("sha256")
  const magic = new Uint8Array(4)
  let size = 0
  return {
    update(piece: Uint8Array): void {
      hash.update(piece)
      if (size < magic.length) magic.set(piece.subarray(0, magic.length - size), size)
      size += piece.length
      Garbage.collectAfter(piece.length)
    },
    result: (): Hashed => ({ digest: `sha256:${hash.digest("hex")}`, size, magic })
  }
}

/** Hashes a stream. */
export const hashStream = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Effect.Effect<Hashed, E, R> =>
  Effect.suspend(() => {
    const { result, update } = makeHasher()
    return Effect.map(
      Stream.runForEach(bytes, (piece) => Effect.sync(() => update(piece))),
      result
    )
  })

/** How much to write at once. Writing each piece alone would wake a thread each time. */
const maxBatch = { bytes: 512 * 1024, pieces: 64 }

/** Marks an error as one of the sink, not of the body. */
class WriteFailure {
  readonly cause: unknown
  constructor(cause: unknown) {
    this.cause = cause
  }
}

/**
 * Hashes a body and writes it to a sink. Reads continue during a write, but there is only one write at a time. On
 * interruption, waits for the current write to end.
 */
export const hashInto = <E, W>({ bytes, onError }: Body<E>, sink: Sink<W>): Effect.Effect<Hashed, E | W> =>
  // A plain loop for speed, because every byte of an image passes here: an Effect stream costs more per piece than hashing.
  Effect.callback((resume, signal) => {
    const { result, update } = makeHasher()
    const reader = bytes.getReader()
    let writing = Promise.resolve()
    let pieces: Array<Uint8Array> = []
    let size = 0
    const write = async () => {
      await writing
      writing = sink.write(pieces).catch((cause: unknown) => Promise.reject(new WriteFailure(cause)))
      // The next write or the end awaits it. Until then, this prevents an unhandled rejection.
      writing.catch(() => {})
      pieces = []
      size = 0
    }
    const loop = async () => {
      for (let next = await reader.read(); next.value !== undefined && !signal.aborted; next = await reader.read()) {
        update(next.value)
        size += next.value.length
        if (pieces.push(next.value) >= maxBatch.pieces || size >= maxBatch.bytes) await write()
      }
      await write()
      await writing
    }
    const ended = loop().then(
      () => {
        reader.releaseLock()
        resume(Effect.sync(result))
      },
      (cause: unknown) => {
        const error = cause instanceof WriteFailure ? sink.onError(cause.cause) : onError(cause)
        const fail = () => resume(Effect.fail(error))
        return writing.then(fail, fail)
      }
    )
    return Effect.promise(() => {
      void reader.cancel().catch(() => {})
      return ended
    })
  })
