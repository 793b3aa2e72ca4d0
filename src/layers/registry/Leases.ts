import { Effect, FileSystem, Option, type PlatformError, type Scope } from "effect"
import { StoreBusy } from "./RegistryError.ts"
import * as Temporary from "./Temporary.ts"

/**
 * How processes that share a store keep out of each other's way: those that use it hold a file in `leases`, one that
 * takes something away holds one in `sweeps`. Each writes its own first and looks for the others' then, so that of two
 * that begin at the same moment at least one sees the other: who uses waits, who takes away gives up.
 *
 * Files name the process that they belong to, so that those of a killed one count no more.
 */
export interface Leases {
  /** Says that the store is used until the scope closes. Waits for a sweep to end, but not for long. */
  readonly hold: Effect.Effect<void, PlatformError.PlatformError | StoreBusy, Scope.Scope>
  /** Runs what takes something away, if nobody else uses the store. Nothing where somebody does. */
  alone<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Option.Option<A>, E | PlatformError.PlatformError, R>
}

/** A sweep takes seconds; one that has not ended by then hangs, or is another machine's in a folder that both use. */
const patience = "10 seconds"

/** After so many milliseconds a sweep counts as ended, whatever its owner does. */
const longestSweep = 10 * 60 * 1000

/** Leases in the folder of a store. */
export const make = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  const own = Temporary.name()
  const leases = `${directory}/leases`
  const sweeps = `${directory}/sweeps`

  const claim = (folder: string) =>
    Effect.acquireRelease(
      Effect.andThen(
        fs.makeDirectory(folder, { recursive: true, mode: 0o700 }),
        fs.writeFileString(`${folder}/${own}`, "", { mode: 0o600 })
      ),
      () => Effect.ignore(fs.remove(`${folder}/${own}`, { force: true }))
    )

  const tidy = (folder: string) =>
    Temporary.sweep(folder, folder === sweeps ? longestSweep : undefined).pipe(
      Effect.provideService(FileSystem.FileSystem, fs),
      Effect.ignore
    )

  /** Whether a process that lives has a file there, other than this one. */
  const isClaimed = Effect.fnUntraced(function* (folder: string) {
    yield* tidy(folder)
    const names = yield* Effect.orElseSucceed(fs.readDirectory(folder), (): ReadonlyArray<string> => [])
    return names.some((name) => name !== own)
  })

  const hold = Effect.andThen(
    Effect.andThen(claim(leases), tidy(leases)),
    Effect.repeat(Effect.delay(isClaimed(sweeps), "5 millis"), { while: (claimed) => claimed }).pipe(
      Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail(new StoreBusy({ directory })) })
    )
  )

  const alone = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.scoped(
      Effect.gen(function* () {
        yield* claim(sweeps)
        if ((yield* isClaimed(sweeps)) || (yield* isClaimed(leases))) return Option.none<A>()
        return Option.some(yield* effect)
      })
    )

  const made: Leases = { hold: Effect.asVoid(hold), alone }
  return made
})
