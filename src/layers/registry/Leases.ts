import { Effect, FileSystem, Option, type PlatformError, type Scope } from "effect"
import { StoreBusy } from "./RegistryError.ts"
import * as TemporaryFiles from "./TemporaryFiles.ts"

/**
 * A lock for processes that share a store. A process that uses the store holds a file in `leases`; a process that removes
 * something holds a file in `sweeps`. Each one first writes its own file and then looks for others. So if two start at the
 * same moment, at least one sees the other: a user waits, a remover gives up.
 *
 * The file's name identifies its process, so that files of killed processes can be ignored.
 */
export interface Leases {
  /** Marks the store as in use until the scope closes. Waits up to 10 seconds for a sweep to end, then fails. */
  readonly acquireShared: Effect.Effect<void, PlatformError.PlatformError | StoreBusy, Scope.Scope>
  /** Runs an effect that removes things from the store. None, without running it, if another process uses the store. */
  runExclusively<A, E, R>(
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<Option.Option<A>, E | PlatformError.PlatformError, R>
}

/** A sweep takes seconds. A longer one hangs, or runs on another machine that shares the folder. */
const sweepWait = "10 seconds"

/** After this many milliseconds a sweep counts as ended, even if its process is alive. */
const maxSweepMillis = 10 * 60 * 1000

/** Makes the leases of a store's folder. */
export const make = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  const ownName = TemporaryFiles.makeName()
  const leases = `${directory}/leases`
  const sweeps = `${directory}/sweeps`

  const createLease = (folder: string) =>
    Effect.acquireRelease(
      Effect.andThen(
        fs.makeDirectory(folder, { recursive: true, mode: 0o700 }),
        fs.writeFileString(`${folder}/${ownName}`, "", { mode: 0o600 })
      ),
      () => Effect.ignore(fs.remove(`${folder}/${ownName}`, { force: true }))
    )

  const removeStale = (folder: string) =>
    TemporaryFiles.removeAbandoned(folder, folder === sweeps ? maxSweepMillis : undefined).pipe(
      Effect.provideService(FileSystem.FileSystem, fs),
      Effect.ignore
    )

  /** Whether another live process has a file in the folder. */
  const isHeldByOthers = Effect.fnUntraced(function* (folder: string) {
    yield* removeStale(folder)
    const names = yield* Effect.orElseSucceed(fs.readDirectory(folder), (): ReadonlyArray<string> => [])
    return names.some((name) => name !== ownName)
  })

  const acquireShared = Effect.andThen(
    Effect.andThen(createLease(leases), removeStale(leases)),
    Effect.repeat(Effect.delay(isHeldByOthers(sweeps), "5 millis"), { while: (claimed) => claimed }).pipe(
      Effect.timeoutOrElse({ duration: sweepWait, orElse: () => Effect.fail(new StoreBusy({ directory })) })
    )
  )

  const runExclusively = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.scoped(
      Effect.gen(function* () {
        yield* createLease(sweeps)
        if ((yield* isHeldByOthers(sweeps)) || (yield* isHeldByOthers(leases))) return Option.none<A>()
        return Option.some(yield* effect)
      })
    )

  const made: Leases = { acquireShared: Effect.asVoid(acquireShared), runExclusively }
  return made
})
