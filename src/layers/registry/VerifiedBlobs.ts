import { Clock, Effect, Equal, FiberSet, FileSystem, Option, Semaphore } from "effect"

/**
 * The modification time, in seconds, that marks the file of a verified blob as sealed. A seal means: the bytes are correct
 * and on disk. Any write changes the time, so one `stat` shows whether the blob must be hashed again.
 */
const sealTime = 946_684_800

/** How long the end of a run waits for the disk. The next run hashes blobs that are not sealed by then. */
const flushTimeout = "5 seconds"

/** Remembers which blob files match their digest, to avoid hashing them again. */
export interface VerifiedBlobs {
  /** Whether a file is unchanged since this process verified it, or is sealed. */
  isVerified(path: string, info: FileSystem.File.Info): boolean
  /** Records that a file is verified. `info` is its state from before it was hashed. */
  add(path: string, info: FileSystem.File.Info): Effect.Effect<void>
  /** Forgets that a file is verified and removes its seal, so that it is hashed again. */
  forget(path: string): Effect.Effect<void>
  /**
   * Starts to flush and seal the verified files in the background. `add` does not do this, because writing a small file
   * during the flush of a large one has to wait for that flush.
   */
  readonly seal: Effect.Effect<void>
}

const fileState = ({ ino, mtime, size }: FileSystem.File.Info) => ({ ino, mtime: Option.map(mtime, Number), size })

/** Closing the scope waits for the disk. */
export const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const verified = new Map<string, ReturnType<typeof fileState>>()
  // Forgotten files, whose seal does not count even if it cannot be removed.
  const distrusted = new Set<string>()
  const unsealed = new Set<string>()
  const sealing = yield* FiberSet.make()
  // Each flush blocks one of the few threads that all other file operations share.
  const slots = Semaphore.makeUnsafe(2)

  const isUnchanged = (path: string, info: FileSystem.File.Info) => Equal.equals(verified.get(path), fileState(info))

  const sealOne = Effect.fnUntraced(function* (path: string) {
    // Flush first, then seal. After a power failure, an incomplete blob has no seal and is hashed again.
    yield* Effect.scoped(Effect.flatMap(fs.open(path, { flag: "r+" }), (handle) => handle.sync))
    if (isUnchanged(path, yield* fs.stat(path))) yield* fs.utimes(path, sealTime, sealTime)
  })

  const sealAll = Effect.suspend(() => {
    const paths = [...unsealed]
    unsealed.clear()
    return Effect.forEach(paths, (path) => FiberSet.run(sealing, Effect.ignore(slots.withPermits(1)(sealOne(path)))), {
      discard: true
    })
  })
  yield* Effect.addFinalizer(() =>
    Effect.andThen(sealAll, Effect.interruptible(FiberSet.awaitEmpty(sealing))).pipe(Effect.timeoutOption(flushTimeout))
  )

  const verifiedBlobs: VerifiedBlobs = {
    seal: sealAll,
    isVerified: (path, info) =>
      !distrusted.has(path) &&
      (Option.exists(info.mtime, (time) => time.getTime() === sealTime * 1000) || isUnchanged(path, info)),
    forget: Effect.fnUntraced(
      function* (path) {
        distrusted.add(path)
        verified.delete(path)
        const now = (yield* Clock.currentTimeMillis) / 1000
        yield* fs.utimes(path, now, now)
      },
      (effect) => Effect.ignore(effect)
    ),
    add: (path, info) =>
      Effect.sync(() => {
        distrusted.delete(path)
        verified.set(path, fileState(info))
        unsealed.add(path)
      })
  }
  return verifiedBlobs
})
