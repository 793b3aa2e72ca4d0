import { Effect, Stream } from "effect"
import * as Garbage from "../../core/collectGarbage.ts"

/** What a stream of bytes turned out to be. `magic` is its first bytes, by which a compression is known. */
export interface Measured {
  readonly digest: string
  readonly size: number
  readonly magic: Uint8Array
}

/** Bytes that come by themselves, one file of an archive for one. */
export interface Body<E> {
  readonly bytes: ReadableStream<Uint8Array>
  /** The error of a read that fails. */
  readonly onError: (cause: unknown) => E
}

/** Where bytes go, some pieces at a time. */
export interface Sink<E> {
  readonly write: (pieces: ReadonlyArray<Uint8Array>) => Promise<void>
  /** The error of a write that fails. */
  readonly onError: (cause: unknown) => E
}

/** For bytes of which only the measure is wanted. */
export const nowhere: Sink<never> = {
  write: () => Promise.resolve(),
  onError: (cause) => {
    throw cause
  }
}

const meter = () => {
  const hash = new Bun.CryptoHasher("sha256")
  const magic = new Uint8Array(4)
  let size = 0
  return {
    take(piece: Uint8Array): void {
      hash.update(piece)
      if (size < magic.length) magic.set(piece.subarray(0, magic.length - size), size)
      size += piece.length
      Garbage.collectAfter(piece.length)
    },
    measured: (): Measured => ({ digest: `sha256:${hash.digest("hex")}`, size, magic })
  }
}

/** Reads a stream to its end, hashing it. */
export const measure = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Effect.Effect<Measured, E, R> =>
  Effect.suspend(() => {
    const { measured, take } = meter()
    return Effect.map(
      Stream.runForEach(bytes, (piece) => Effect.sync(() => take(piece))),
      measured
    )
  })

/** Bytes that are written at once, and pieces: for each by itself a thread would be woken. */
const most = { bytes: 512 * 1024, pieces: 64 }

/** Why pieces were not written. */
class Unwritten {
  readonly cause: unknown
  constructor(cause: unknown) {
    this.cause = cause
  }
}

/**
 * Reads a body to its end, hashing it. The pieces go to the sink, one write at a time, and the next are read meanwhile. A
 * write that has begun is waited for, also by an interruption.
 */
export const pour = <E, W>({ bytes, onError }: Body<E>, sink: Sink<W>): Effect.Effect<Measured, E | W> =>
  // A plain loop, as every byte of an image passes here: through a stream, a piece costs more than its hash does.
  Effect.callback((resume, signal) => {
    const { measured, take } = meter()
    const reader = bytes.getReader()
    let writing = Promise.resolve()
    let pieces: Array<Uint8Array> = []
    let size = 0
    const write = async () => {
      await writing
      writing = sink.write(pieces).catch((cause: unknown) => Promise.reject(new Unwritten(cause)))
      // Awaited by the next write and at the end; this is for the time until then.
      writing.catch(() => {})
      pieces = []
      size = 0
    }
    const loop = async () => {
      for (let next = await reader.read(); next.value !== undefined && !signal.aborted; next = await reader.read()) {
        take(next.value)
        size += next.value.length
        if (pieces.push(next.value) >= most.pieces || size >= most.bytes) await write()
      }
      await write()
      await writing
    }
    const ended = loop().then(
      () => {
        reader.releaseLock()
        resume(Effect.sync(measured))
      },
      (cause: unknown) => {
        const error = cause instanceof Unwritten ? sink.onError(cause.cause) : onError(cause)
        const fail = () => resume(Effect.fail(error))
        return writing.then(fail, fail)
      }
    )
    return Effect.promise(() => {
      void reader.cancel().catch(() => {})
      return ended
    })
  })
