import type { Database } from "bun:sqlite"
import { Clock, Effect, Stream } from "effect"
import { type Event, isEnd } from "../core/Event.ts"
import { ExitCode } from "../core/Failure.ts"
import type { Follower } from "../reporters/Reporter.ts"
import { chooser, type Kept, withoutOldProgress } from "./bounds.ts"
import { attempt, longPatience, open } from "./Database.ts"
import { prune } from "./prune.ts"
import type { RecordUnusable } from "./RecordError.ts"
import { type About, writer } from "./write.ts"

/** Events are written as many at a time as come within this. */
const batch = { size: 2000, time: "250 millis" } as const

/** Events that wait until other processes have written theirs; with more the record is given up. */
const mostWaiting = 50_000

/** Takes batches of one run's events, and writes those that are kept. */
const taker = (file: string, db: Database, about: About) => {
  const choose = chooser()
  let write: ReturnType<typeof writer> | undefined
  let events: ReadonlyArray<Event> = []
  let kept: ReadonlyArray<Kept> = []
  return (more: ReadonlyArray<Event>, last: boolean) =>
    attempt(file, () => {
      const wanted = withoutOldProgress(more)
      kept = [...kept, ...wanted.flatMap(choose.take), ...(last ? choose.rest() : [])]
      events = [...events, ...wanted]
      if (last) db.run(`PRAGMA busy_timeout = ${longPatience}`)
      write ??= writer(db, about)
      write({ events, kept, dropped: choose.dropped })
      events = []
      kept = []
    }).pipe(
      // With the next ones, then.
      Effect.catchIf(
        ({ why }) => why === "busy" && !last && events.length < mostWaiting,
        () => Effect.void
      )
    )
}

/**
 * Says of a run that has not ended how it did, where the process ends at once: stopped by a second signal, or from within.
 * Nothing but a synchronous write is done then, and one that fails changes nothing.
 */
const lastWord = (file: string, db: Database, run: () => string | undefined) =>
  Effect.flatMap(Effect.clockWith(Effect.succeed), (clock) => {
    const say = (code: number) => {
      const outcome = code === ExitCode.interrupted ? "interrupted" : "failed"
      const now = clock.currentTimeMillisUnsafe()
      const end = "UPDATE runs SET outcome = ?, millis = ? - began WHERE id = ? AND outcome IS NULL"
      Effect.runSyncExit(attempt(file, () => db.query(end).run(outcome, now, run() ?? "")))
    }
    return Effect.acquireRelease(
      Effect.sync(() => void process.on("exit", say)),
      () => Effect.sync(() => void process.removeListener("exit", say))
    )
  })

/**
 * Keeps a run in the record while it is under way. Where that cannot be done, `warn` is told once, when the run has ended;
 * the run itself is neither held up nor ended by it.
 */
export const follower =
  (file: string, about: About, warn: (error: RecordUnusable) => void): Follower =>
  (stream) =>
    Effect.gen(function* () {
      const opened = yield* Effect.result(open(file))
      let take = opened._tag === "Success" ? taker(file, opened.success, about) : undefined
      let wrong = opened._tag === "Failure" ? opened.failure : undefined
      const stop = (error: RecordUnusable) => {
        wrong = error
        take = undefined
      }

      let run: string | undefined
      // Where a step runs a pipeline of its own, that is another run.
      const isOwn = (event: Event) => {
        if (event._tag === "RunStarted") run ??= event.run
        return event.run === run
      }
      if (opened._tag === "Success") yield* lastWord(file, opened.success, () => run)
      yield* stream.pipe(
        Stream.filter(isOwn),
        Stream.takeUntil(isEnd),
        Stream.groupedWithin(batch.size, batch.time),
        Stream.runForEach((events) =>
          take === undefined
            ? Effect.void
            : Effect.catch(take(events, events.some(isEnd)), (error) => Effect.sync(() => stop(error)))
        )
      )
      if (opened._tag === "Success" && wrong === undefined) {
        const now = yield* Clock.currentTimeMillis
        yield* Effect.catch(
          attempt(file, () => prune(opened.success, now)),
          // The run is kept; who writes now takes away what is too much.
          (error) => Effect.sync(() => (error.why === "busy" ? undefined : stop(error)))
        )
      }
      if (wrong !== undefined) warn(wrong)
    }).pipe(Effect.scoped)
