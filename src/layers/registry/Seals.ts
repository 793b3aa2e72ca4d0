import { Effect, Equal, FiberSet, FileSystem, Option, Semaphore } from "effect"

/**
 * The time of last change that a checked blob's file carries once it is on disk, in seconds. Any write to the file
 * changes it, so that one `stat` tells a blob that is as it was checked from one that must be hashed again.
 */
const seal = 946_684_800

/** How long a run's end waits for the disk. A blob that is not sealed by then is hashed again by the next run. */
const limit = "5 seconds"

/** Which blobs' files are known to be what their names say, without hashing them. */
export interface Seals {
  /** Whether a file is as it was checked: by this process, or by one that sealed it. */
  intact(path: string, info: FileSystem.File.Info): boolean
  /** Believes a file whose bytes were hashed, as `info` had it before. */
  trust(path: string, info: FileSystem.File.Info): Effect.Effect<void>
  /**
   * Seals what was trusted so far in the background, once it is on disk. Not at once when it is trusted: whoever writes a
   * small file while a large one is being flushed waits for both.
   */
  readonly begin: Effect.Effect<void>
}

const mark = ({ ino, mtime, size }: FileSystem.File.Info) => ({ ino, mtime: Option.map(mtime, Number), size })

/** They live as long as the scope, whose end waits for the disk. */
export const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const checked = new Map<string, ReturnType<typeof mark>>()
  const trusted = new Set<string>()
  const sealing = yield* FiberSet.make()
  // A flush holds one of the few threads that every other read and write needs too.
  const turns = Semaphore.makeUnsafe(2)

  const isChecked = (path: string, info: FileSystem.File.Info) => Equal.equals(checked.get(path), mark(info))

  const finish = Effect.fnUntraced(function* (path: string) {
    // First to disk, then the seal: what a power cut leaves under a blob's name without one is hashed again.
    yield* Effect.scoped(Effect.flatMap(fs.open(path, { flag: "r+" }), (handle) => handle.sync))
    if (isChecked(path, yield* fs.stat(path))) yield* fs.utimes(path, seal, seal)
  })

  const begin = Effect.suspend(() => {
    const paths = [...trusted]
    trusted.clear()
    return Effect.forEach(paths, (path) => FiberSet.run(sealing, Effect.ignore(turns.withPermits(1)(finish(path)))), {
      discard: true
    })
  })
  yield* Effect.addFinalizer(() =>
    Effect.andThen(begin, Effect.interruptible(FiberSet.awaitEmpty(sealing))).pipe(Effect.timeoutOption(limit))
  )

  const seals: Seals = {
    begin,
    intact: (path, info) =>
      Option.exists(info.mtime, (time) => time.getTime() === seal * 1000) || isChecked(path, info),
    trust: (path, info) =>
      Effect.sync(() => {
        checked.set(path, mark(info))
        trusted.add(path)
      })
  }
  return seals
})
