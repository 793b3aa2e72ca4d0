import { Clock, Context, Effect, FiberMap, Layer, Option, Queue, Result, Schedule } from "effect"
import type { SqlError } from "effect/sql"
import type { Event } from "../core/Event.ts"
import { ExitCode } from "../core/Failure.ts"
import { plural } from "../core/text.ts"
import { formatWait } from "../core/units.ts"
import { isAlive } from "../record/Owner.ts"
import { runOfProcess } from "../record/read.ts"
import { pendingSignals, sendSignal } from "../record/signal.ts"
import { eventKeeper } from "./eventKeeper.ts"
import { Feed } from "./Feed.ts"
import { retryPause } from "./policy.ts"
import { Projects } from "./Projects.ts"
import type { WorkerLine } from "./protocol.ts"
import { type RunEnd, RunStore, type RunWait, type StoredRun } from "./RunStore.ts"
import { type Worker, type WorkerExit, Workers } from "./Workers.ts"

/** How often `jiji serve` may be killed while a run completes no step. Then it fails: it may be what kills it. */
const maxCrashes = 3

/** How long a run may take to end after `jiji serve` was killed. Its worker notices at once. */
const orphanPatience = "60 seconds"

/** How long a run that has taken too long may take to undo its steps. Each undo has a limit of its own. */
const undoPatience = "10 minutes"

/** Between two looks at the queue without news: another process may have changed it. */
const lookAgain = "5 seconds"

/** How long a run waits if the system cannot start its process. */
const tryAgain = "5 seconds"

/** Between two looks at the signals of waiting runs, which `jiji signal` writes. */
const lookForSignals = 2000

const isEvent = (line: WorkerLine): line is Event => "seq" in line

/** How many events one statement stores. */
const maxBatch = 2000

/** What is known of a run from the lines of its worker. */
interface Progress {
  /** The run that the command started. Runs that its steps start come later. */
  run?: string
  outcome?: "RunSucceeded" | "RunFailed" | "RunInterrupted"
  /** What the run waits for, if it was suspended. */
  waits?: ReadonlyArray<RunWait>
  /** How many steps did not run again, since an earlier attempt had completed them. */
  stepsDone: number
  /** What the command said about its failure. */
  failure?: string
}

const follow = (progress: Progress, line: WorkerLine): void => {
  if (line._tag === "WorkerFailed") progress.failure = line.text
  if (!isEvent(line)) return
  if (line._tag === "RunStarted") progress.run ??= line.run
  const isOwn = line.run === progress.run
  if (isOwn && (line._tag === "RunSucceeded" || line._tag === "RunFailed" || line._tag === "RunInterrupted")) {
    progress.outcome = line._tag
    if (line._tag === "RunInterrupted" && line.waits !== undefined) progress.waits = line.waits
  }
  if (isOwn && (line._tag === "StepSucceeded" || line._tag === "StepSkipped") && line.resumed === true) {
    progress.stepsDone++
  }
}

const withReason = (reason: string | undefined) => (reason === undefined || reason === "" ? {} : { reason })

const endOf = ({ failure, outcome }: Progress, { code, signal }: WorkerExit, isCancelled: boolean): RunEnd => {
  // A command that is cancelled after its last step has succeeded.
  if (code === ExitCode.done) return { status: "succeeded" }
  if (isCancelled) return { status: "cancelled", ...withReason(failure?.trim()) }
  if (code === ExitCode.interrupted) return { status: "interrupted", reason: "its process was interrupted" }
  if (code === null && outcome === "RunSucceeded") return { status: "succeeded" }
  if (code === null) return { status: "failed", reason: `its process was killed by ${signal ?? "a signal"}` }
  const fallback = outcome === undefined ? `its process exited with code ${code}` : undefined
  return { status: "failed", ...withReason(failure?.trim() ?? fallback) }
}

const tooLong = ({ time_limit }: StoredRun): RunEnd => ({
  status: "failed",
  reason: `it took longer than its time limit of ${formatWait(time_limit ?? 0)}`
})

/** Whether another attempt can end better: a wrong flag or deploy.yml stays wrong. */
const canRetry = ({ code }: WorkerExit): boolean => code !== ExitCode.usage && code !== ExitCode.configuration

/** Ends a process that is identified as `record/Owner.ts` has it, and those that it has started. */
const killGroup = (owner: string): void => {
  const pid = Number(owner.split(" ")[2])
  if (isAlive(owner) !== true || pid <= 1) return
  try {
    process.kill(-pid, "SIGKILL")
  } catch {
    // It has ended in the meantime.
  }
}

type SignalProblem = Effect.Error<ReturnType<typeof sendSignal>>

/** Repeats a write until the database takes it: what has happened must not be lost because a disk was full for a while. */
const persist = <A>(write: Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A> =>
  write.pipe(
    Effect.tapError(({ message }) => Effect.logWarning(`Cannot write to the database, and will try again: ${message}`)),
    Effect.retry(Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")])),
    Effect.orDie
  )

/** Runs what is in the queue, each run in a process of its own. */
export class Runner extends Context.Service<
  Runner,
  {
    /** Looks at the queue now. */
    readonly wake: Effect.Effect<void>
    /** Sends a signal to a run, by the ID that it has in its process, and looks whether one waits for it. */
    signal(
      run: string,
      signal: { readonly name: string; readonly value: unknown; readonly by: string }
    ): Effect.Effect<void, SignalProblem>
    /** Cancels a run. Returns it as it was; a run that is cancelled twice ends at once. */
    cancel(number: number): Effect.Effect<Option.Option<StoredRun>, SqlError.SqlError>
    /** Starts no more runs, and waits until those that run have ended. Interrupts them after `patience` milliseconds. */
    drain(patience: number): Effect.Effect<void>
    readonly isDraining: Effect.Effect<boolean>
    /** How many runs can run at the same time. */
    readonly places: number
  }
>()("jiji/serve/Runner") {
  /** `history` is the run history of this machine, which has the signals of runs. */
  static readonly layer = ({ concurrency, history }: { readonly concurrency: number; readonly history: string }) =>
    Layer.effect(
      Runner,
      Effect.gen(function* () {
        const store = yield* RunStore
        const workers = yield* Workers
        const projects = yield* Projects
        const feed = yield* Feed
        const news = yield* Queue.sliding<void>(1)
        const waitNews = yield* Queue.sliding<void>(1)
        const fibers = yield* FiberMap.make<number, void, never>()
        /** The workers of the runs, and how often each was asked to end. */
        const active = new Map<number, { readonly worker: Worker; isInterrupted: boolean }>()
        /** Ends a worker when its run has taken too long, as a cancel does. */
        const limit = Effect.fnUntraced(function* (
          { spent, time_limit }: StoredRun,
          worker: Worker,
          onEnd: () => void
        ) {
          if (time_limit === null) return
          yield* Effect.sleep(Math.max(0, time_limit - spent))
          onEnd()
          yield* worker.interrupt
          yield* Effect.sleep(undoPatience)
          yield* worker.kill
        })
        let draining = false

        const wake = Effect.asVoid(Queue.offer(news, undefined))
        const finish = (number: number, end: RunEnd) =>
          persist(store.end(number, end)).pipe(Effect.andThen(feed.publish(number)))

        /** Stores the lines of a worker until it has ended. */
        const record = Effect.fnUntraced(function* (run: StoredRun, worker: Worker, progress: Progress) {
          const keeper = eventKeeper(run.position)
          let isNamed = false
          let stepsDone = run.steps_done
          const store_ = Effect.fnUntraced(function* (lines: ReadonlyArray<WorkerLine>) {
            for (const line of lines) follow(progress, line)
            const events = lines.filter(isEvent)
            for (let at = 0; at < events.length; at += maxBatch) {
              const { add, drop } = keeper.add(events.slice(at, at + maxBatch))
              yield* persist(store.addEvents(run.number, add, drop))
            }
            if (!isNamed && progress.run !== undefined) {
              isNamed = true
              yield* persist(store.setProcessRun(run.number, progress.run))
              // Now, and not before the run has started, since both would need the processor.
              yield* workers.prepare
            }
            if (progress.stepsDone > stepsDone) {
              stepsDone = progress.stepsDone
              yield* persist(store.setStepsDone(run.number, stepsDone))
            }
            if (events.length > 0) yield* feed.publish(run.number)
          })
          yield* Effect.ignore(Effect.forever(Effect.flatMap(Queue.takeAll(worker.lines), store_)))
        })

        /** Lets a run wait for which the system cannot start a process. */
        const putBack = Effect.fnUntraced(function* ({ is_suspended, number }: StoredRun, detail: string) {
          yield* Effect.logWarning(`Cannot start a process for run ${number}, and will try again: ${detail}`)
          yield* Effect.sleep(tryAgain)
          const stored = yield* persist(store.get(number))
          const isCancelled = Option.exists(stored, ({ is_cancelled }) => is_cancelled === 1)
          // One that is suspended has steps to undo.
          if (isCancelled && is_suspended === 0) return yield* finish(number, { status: "cancelled" })
          yield* persist(store.requeue(number, { isUnstarted: true }))
          yield* feed.publish(number)
        })

        const execute = Effect.fnUntraced(function* (run: StoredRun) {
          const project = yield* projects.find(run.project)
          if (project === undefined) {
            return yield* finish(run.number, { status: "failed", reason: "its project is not there any more" })
          }
          const progress: Progress = { stepsDone: 0 }
          const taken = yield* Effect.result(
            workers.take({
              _tag: "Run",
              folder: project.folder,
              words: run.words,
              ...(run.process_run !== null && { resumes: run.process_run }),
              ...(run.has_waited === 1 && { mustResume: true }),
              whenWaiting: run.is_cancelled === 1 ? "undo" : "suspend"
            })
          )
          if (Result.isFailure(taken)) return yield* putBack(run, taken.failure)
          const worker = taken.success
          const entry = { worker, isInterrupted: false }
          let isTooLong = false
          yield* Effect.forkScoped(limit(run, worker, () => (isTooLong = true)))
          active.set(run.number, entry)
          yield* persist(store.setOwner(run.number, worker.owner))
          // Somebody may have cancelled the run before it had a process. One that was cancelled before undoes its steps.
          const claimed = yield* persist(store.get(run.number))
          if (run.is_cancelled === 0 && Option.exists(claimed, ({ is_cancelled }) => is_cancelled === 1)) {
            yield* worker.interrupt
          }
          yield* feed.publish(run.number)
          yield* record(run, worker, progress)
          const exit = yield* worker.exited
          yield* workers.prepare
          const stored = yield* persist(store.get(run.number))
          const isCancelled = Option.exists(stored, ({ is_cancelled }) => is_cancelled === 1)
          // It says why it is cancelled.
          if (isCancelled && run.overtaken_by !== null) {
            return yield* finish(run.number, { status: "cancelled", ...withReason(run.reason ?? undefined) })
          }
          const wasInterrupted = exit.code === ExitCode.interrupted || exit.code === null
          if (progress.waits !== undefined && wasInterrupted) {
            yield* persist(store.suspend(run.number, progress.waits))
            yield* Queue.offer(waitNews, undefined)
            return yield* feed.publish(run.number)
          }
          // Interrupted by a drain: it starts again with the next `jiji serve`.
          if (!isCancelled && !isTooLong && entry.isInterrupted && wasInterrupted) {
            return yield* persist(store.requeue(run.number))
          }
          const end = isTooLong && !isCancelled && wasInterrupted ? tooLong(run) : endOf(progress, exit, isCancelled)
          if (end.status !== "failed" || run.retried >= run.retries || !canRetry(exit)) {
            const { code } = exit
            return yield* finish(run.number, { ...end, ...(code !== null && { code }) })
          }
          const now = yield* Clock.currentTimeMillis
          const until = now + retryPause(run.retry_delay, run.retried)
          yield* persist(store.retry(run.number, { reason: end.reason, until }))
          yield* Queue.offer(waitNews, undefined)
          yield* feed.publish(run.number)
        }, Effect.scoped)

        /** Starts a run in the background. */
        const launch = (run: StoredRun) =>
          FiberMap.run(
            fibers,
            run.number,
            execute(run).pipe(
              // Otherwise it would count as running until the next jiji serve, and nothing else of its project would start.
              Effect.catchDefect((defect) =>
                Effect.andThen(
                  Effect.logError(`Run ${run.number} was given up after an error in jiji serve`, defect),
                  finish(run.number, { status: "failed", reason: "an error in jiji serve; its output has the details" })
                )
              ),
              Effect.ensuring(
                Effect.suspend(() => {
                  active.delete(run.number)
                  return wake
                })
              )
            )
          )

        const startNext = Effect.gen(function* () {
          if (draining || (yield* FiberMap.size(fibers)) >= concurrency) return false
          const run = yield* store.claim
          if (Option.isSome(run)) yield* launch(run.value)
          return Option.isSome(run)
        })
        const startAll = Effect.repeat(startNext, { while: (started) => started })
        yield* Effect.forkScoped(
          Effect.forever(
            startAll.pipe(
              // A database that is gone may come back. The runs wait in it.
              Effect.catchTag("SqlError", ({ message }) => Effect.logWarning(`Cannot read the queue: ${message}`)),
              Effect.andThen(Effect.timeoutOption(Queue.take(news), lookAgain))
            )
          )
        )
        /** Wakes the waiting runs whose time or signal has come. Returns how long nothing else can happen by itself, in milliseconds. */
        const wakeWaiting = Effect.gen(function* () {
          const before = yield* store.waiting
          const next = yield* store.wakeDue
          const forSignals = before.flatMap(({ number, process_run, waits }) => {
            const signals = (waits ?? []).flatMap(({ signal }) => (signal === undefined ? [] : [signal]))
            return process_run === null || signals.length === 0 ? [] : [{ number, process_run, signals }]
          })
          const pending = yield* pendingSignals(
            history,
            forSignals.map(({ process_run }) => process_run)
          )
          for (const { number, process_run, signals } of forSignals) {
            if (pending.get(process_run)?.some((name) => signals.includes(name)) === true) yield* store.wake(number)
          }
          const waiting = new Set((yield* store.waiting).map(({ number }) => number))
          const woken = before.filter(({ number }) => !waiting.has(number))
          yield* Effect.forEach(woken, ({ number }) => feed.publish(number), { discard: true })
          if (woken.length > 0) yield* wake
          return next === undefined ? Infinity : next - (yield* Clock.currentTimeMillis)
        })
        yield* Effect.forkScoped(
          Effect.forever(
            wakeWaiting.pipe(
              Effect.catch(({ message }) =>
                Effect.as(Effect.logWarning(`Cannot look for what waiting runs wait for: ${message}`), Infinity)
              ),
              Effect.flatMap((millis) =>
                Effect.timeoutOption(Queue.take(waitNews), Math.min(Math.max(millis, 0), lookForSignals))
              )
            )
          )
        )
        return Runner.of({
          wake,
          signal: Effect.fnUntraced(function* (run, signal) {
            yield* sendSignal(history, run, signal)
            yield* Queue.offer(waitNews, undefined)
          }),
          cancel: Effect.fnUntraced(function* (number) {
            const run = yield* store.cancel(number)
            const entry = active.get(number)
            // As Ctrl-C does: the first ends the run in order, the second at once.
            if (entry !== undefined) yield* entry.worker.interrupt
            yield* wake
            yield* feed.publish(number)
            return run
          }),
          drain: Effect.fnUntraced(function* (patience) {
            draining = true
            yield* Effect.timeoutOption(FiberMap.awaitEmpty(fibers), patience)
            for (const entry of active.values()) {
              entry.isInterrupted = true
              yield* entry.worker.interrupt
            }
            yield* FiberMap.awaitEmpty(fibers)
          }),
          isDraining: Effect.sync(() => draining),
          places: concurrency
        })
      })
    )
}

/**
 * Takes care of a run that was running when `jiji serve` was killed: waits until its process has ended, and puts it back into
 * the queue. Until then it counts as running, so that no other run of its project starts.
 */
export const recover = Effect.fnUntraced(function* (
  { crashes, is_cancelled, is_suspended, number, owner, process_run }: StoredRun,
  history: string
) {
  const store = yield* RunStore
  if (owner !== null) {
    const isGone = Effect.repeat(
      Effect.sync(() => isAlive(owner) !== true),
      { until: (gone) => gone, schedule: Schedule.spaced("50 millis") }
    )
    const ended = yield* Effect.timeoutOption(isGone, orphanPatience)
    if (Option.isNone(ended)) yield* Effect.sync(() => killGroup(owner))
  }
  // It may have started its run, and completed steps, just before `jiji serve` could store that.
  if (owner !== null && process_run === null) {
    const started = yield* Effect.orElseSucceed(runOfProcess(history, owner), () => undefined)
    if (started !== undefined) yield* persist(store.setProcessRun(number, started))
  }
  // One that got no process has still to undo its steps.
  if (is_cancelled === 1 && is_suspended === 0) return yield* persist(store.end(number, { status: "cancelled" }))
  if (crashes + 1 < maxCrashes) return yield* persist(store.requeue(number, { isCrash: true }))
  const reason = `jiji serve was killed ${plural(crashes + 1, "time")} while it ran`
  return yield* persist(store.end(number, { status: "failed", reason }))
})
