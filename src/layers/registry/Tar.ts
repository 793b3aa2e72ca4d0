import { Effect, Exit, Fiber, Stream } from "effect"
import type { Body } from "./Hashing.ts"
import * as Pieces from "./Pieces.ts"
import * as Header from "./TarHeader.ts"

/** Larger than any list of attributes. */
const maxExtension = 1024 * 1024

/** Reads headers and bodies from the bytes of an archive, one after the other. Throws if they are not a tar archive. */
const makeReader = ({ take }: Pieces.Pieces) => {
  // The piece that is being read.
  let piece: Uint8Array = new Uint8Array(0)
  // What is left of the current entry's body, and of the padding behind it.
  let body = 0
  let padding = 0
  const global: Header.Overrides = {}

  const truncated = () => new Error("Tar archive is truncated.")
  /** The next bytes, at most `max`, as one piece. Undefined at the end. */
  const next = (max: number): Pieces.Next => {
    if (piece.length === 0) {
      const taken = take()
      if (taken instanceof Promise) {
        return taken.then((found) => {
          piece = found ?? piece
          return found === undefined ? undefined : next(max)
        })
      }
      if (taken === undefined) return undefined
      piece = taken
    }
    const bytes = piece.length <= max ? piece : piece.subarray(0, max)
    piece = piece.subarray(bytes.length)
    return bytes
  }
  const bytes = async (size: number): Promise<Uint8Array> => {
    const all = new Uint8Array(size)
    for (let at = 0; at < size;) {
      const read = await next(size - at)
      if (read === undefined) throw truncated()
      all.set(read, at)
      at += read.length
    }
    return all
  }
  const skip = async (size: number) => {
    for (let left = size; left > 0;) {
      const read = await next(left)
      if (read === undefined) throw truncated()
      left -= read.length
    }
  }
  const readBody = (): Pieces.Next => {
    const count = (read: Uint8Array | undefined) => {
      if (read === undefined) throw truncated()
      body -= read.length
      return read
    }
    if (body === 0) return undefined
    const read = next(body)
    return read instanceof Promise ? read.then(count) : count(read)
  }
  const begin = (size: number) => {
    body = size
    padding = (Header.blockSize - (size % Header.blockSize)) % Header.blockSize
  }
  /** The next entry's header. Undefined at the end of the archive. Skips what is left of the last entry. */
  const readHeader = async (): Promise<Header.TarHeader | undefined> => {
    const own: Header.Overrides = {}
    while (true) {
      await skip(body + padding)
      begin(0)
      const block = await bytes(Header.blockSize)
      if (Header.isZero(block)) {
        // Two blocks of zeros end an archive. Zeros may follow, up to the size of a tape's record.
        if (!Header.isZero(await bytes(Header.blockSize))) throw new Error("Invalid end of a tar archive.")
        for (let rest = await next(Infinity); rest !== undefined; rest = await next(Infinity));
        return undefined
      }
      const { extension, header } = Header.parse(block)
      const found = extension === undefined ? { ...header, ...global, ...own } : header
      begin(found.size)
      if (extension === undefined) return found
      if (header.size > maxExtension) throw new Error("A tar header is too large.")
      const content = await bytes(header.size)
      body = 0
      Object.assign(extension === "pax-global" ? global : own, Header.parseExtension(extension, content))
    }
  }
  return { readHeader, readBody }
}

/**
 * Calls `visit` for each entry of a tar archive, in order, while reading it. Holds about 1 MiB in memory at most. Skips
 * the part of an entry's body that `visit` does not read. Stops reading when `visit` returns true.
 *
 * Our own reader, because every byte of every image passes here, and libraries hand each piece through web streams.
 */
export const forEachEntry = <E, B, E2, R2>(options: {
  readonly archive: Stream.Stream<Uint8Array, E>
  /** Makes the error for an archive that is truncated or not a tar archive. */
  readonly onBroken: (detail: string) => B
  readonly visit: (header: Header.TarHeader, body: Body<B>) => Effect.Effect<boolean, E2, R2>
}): Effect.Effect<void, E | B | E2, R2> =>
  Effect.suspend(() => {
    const onError = (cause: unknown) => options.onBroken(cause instanceof Error ? cause.message : String(cause))
    const pieces = Pieces.make()
    const { readBody, readHeader } = makeReader(pieces)
    const feed = options.archive.pipe(
      // Whole arrays, because an effect for each piece costs more than hashing it.
      Stream.runForEachArray((some) => {
        let room: Promise<void> | undefined
        for (const piece of some) room = pieces.put(piece)
        return room === undefined ? Effect.void : Effect.promise(() => room)
      }),
      Effect.andThen(Effect.sync(pieces.end))
    )
    const body: Body<B> = { read: readBody, cancel: pieces.end, onError }
    const readEntries = Effect.gen(function* () {
      while (true) {
        const header = yield* Effect.tryPromise({ try: readHeader, catch: onError })
        if (header === undefined) return true
        if (yield* options.visit(header, body)) return false
      }
    })
    return Effect.gen(function* () {
      const feeding = yield* Effect.forkChild(feed)
      const failed = Effect.andThen(Fiber.join(feeding), Effect.never)
      const isAtEnd = yield* Effect.onExit(Effect.raceFirst(readEntries, failed), (exit) =>
        Exit.isSuccess(exit) && exit.value ? Effect.void : Fiber.interrupt(feeding)
      )
      // The stream can still fail, for example if the engine exits with an error after the last byte.
      if (isAtEnd) yield* Fiber.join(feeding)
    })
  })
