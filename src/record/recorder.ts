import type { Database } from "bun:sqlite"
import { Clock, Effect, Stream } from "effect"
import { type Event, isEnd } from "../core/Event.ts"
import { ExitCode } from "../core/Failure.ts"
import { ownEvents } from "../core/runEvents.ts"
import type { Follower } from "../reporters/Reporter.ts"
import { finalBusyTimeout, openDatabase, tryDatabase } from "./Database.ts"
import { eventSelector, latestProgress, type StoredEvent } from "./limits.ts"
import { prune } from "./prune.ts"
import type { RecordUnusable } from "./RecordError.ts"
import { type RunInfo, runWriter } from "./write.ts"

/** A batch is written when it has this many events or is this old. */
const batchLimits = { size: 2000, time: "250 millis" } as const

/** How many events may wait while other processes write. With more, recording stops. */
const maxPending = 50_000

/** Takes the events of one run in batches and writes the selected ones. */
const batchWriter = (file: string, db: Database, info: RunInfo) => {
  const selector = eventSelector()
  let write: ReturnType<typeof runWriter> | undefined
  let events: ReadonlyArray<Event> = []
  let selected: ReadonlyArray<StoredEvent> = []
  return (batch: ReadonlyArray<Event>, isLast: boolean) =>
    tryDatabase(file, () => {
      const added = latestProgress(batch)
      selected = [...selected, ...added.flatMap(selector.add), ...(isLast ? selector.flush() : [])]
      events = [...events, ...added]
      if (isLast) db.run(`PRAGMA busy_timeout = ${finalBusyTimeout}`)
      write ??= runWriter(db, info)
      write({ events, selected, dropped: selector.dropped })
      events = []
      selected = []
    }).pipe(
      // The next batch retries.
      Effect.catchIf(
        ({ why }) => why === "busy" && !isLast && events.length < maxPending,
        () => Effect.void
      )
    )
}

/**
 * Records the outcome of an unfinished run when the process exits early: on a second signal, or because its own code calls
 * `process.exit`. Only synchronous code still runs then. A failed write is ignored.
 */
const recordExit = (file: string, db: Database, runId: () => string | undefined) =>
  Effect.flatMap(Effect.clockWith(Effect.succeed), (clock) => {
    const onExit = (code: number) => {
      const outcome = code === ExitCode.interrupted ? "interrupted" : "failed"
      const now = clock.currentTimeMillisUnsafe()
      const end = "UPDATE runs SET outcome = ?, millis = ? - began WHERE id = ? AND outcome IS NULL"
      Effect.runSyncExit(tryDatabase(file, () => db.query(end).run(outcome, now, runId() ?? "")))
    }
    return Effect.acquireRelease(
      Effect.sync(() => void process.on("exit", onExit)),
      () => Effect.sync(() => void process.removeListener("exit", onExit))
    )
  })

/**
 * Records a run in the history while it is in progress. If that fails, calls `warn` once, after the run has ended.
 * Recording never delays or fails the run.
 */
export const recorder =
  (file: string, info: RunInfo, warn: (error: RecordUnusable) => void): Follower =>
  (stream) =>
    Effect.gen(function* () {
      const opened = yield* Effect.result(openDatabase(file))
      let write = opened._tag === "Success" ? batchWriter(file, opened.success, info) : undefined
      let failure = opened._tag === "Failure" ? opened.failure : undefined
      const stop = (error: RecordUnusable) => {
        failure = error
        write = undefined
      }

      let runId: string | undefined
      if (opened._tag === "Success") yield* recordExit(file, opened.success, () => runId)
      yield* ownEvents(stream).pipe(
        Stream.tap(({ run }) => Effect.sync(() => (runId ??= run))),
        Stream.groupedWithin(batchLimits.size, batchLimits.time),
        Stream.runForEach((events) =>
          write === undefined
            ? Effect.void
            : Effect.catch(write(events, events.some(isEnd)), (error) => Effect.sync(() => stop(error)))
        )
      )
      if (opened._tag === "Success" && failure === undefined) {
        const now = yield* Clock.currentTimeMillis
        yield* Effect.catch(
          tryDatabase(file, () => prune(opened.success, now)),
          // The run is recorded. When another process is writing, that one prunes after its run.
          (error) => Effect.sync(() => (error.why === "busy" ? undefined : stop(error)))
        )
      }
      if (failure !== undefined) warn(failure)
    }).pipe(Effect.scoped)
