import { type Cause, Deferred, Duration, Effect, Fiber, Option, Queue, type Redacted, Stream } from "effect"
import type { Hook } from "../../config/hooks.ts"
import type { Project } from "../../config/Project.ts"
import { secretNames } from "../../config/secretNames.ts"
import { type Command, script } from "../../layers/processes/Command.ts"
import { lastLines } from "../../core/lines.ts"
import { Secrets } from "../../layers/secrets/Secrets.ts"
import { Processes } from "../../layers/processes/Processes.ts"
import { type Event, isEnd } from "../../core/Event.ts"
import { ownEvents } from "../../core/runEvents.ts"
import { Scrubber } from "../../core/Scrubber.ts"
import type { Follower } from "../../reporters/Reporter.ts"
import hookScript from "./hook.sh" with { type: "text" }
import { HookFailed } from "./HookFailed.ts"
import { handlesEvent, hookEventName, hookVariables } from "./hookEvents.ts"

/** How many hook runs can wait for slow hooks. More are dropped. */
const maxQueued = 100

/** How long a finished run waits for queued hooks. Shorter after Ctrl-C, since the user is waiting for the exit. */
const drainTimeout = (end: Event | undefined) => (end?._tag === "RunInterrupted" ? "1 second" : "5 seconds")

/** The hooks of a project, prepared for one run. */
export interface Hooks {
  /** Waits for required hooks on `run.started`, and fails with the first one that failed. */
  readonly started: Effect.Effect<void, HookFailed>
  readonly follow: Follower
  /** The failures so far, and how many hook runs were dropped. */
  readonly report: () => {
    readonly failed: ReadonlyArray<{ readonly error: HookFailed; readonly required: boolean }>
    readonly dropped: number
  }
}

interface Job {
  readonly hook: Hook
  readonly event: Event
}

/** The run's version, if the event is the end of the step that decides on it. */
const versionIn = (event: Event): string | undefined => {
  if (event._tag !== "StepSucceeded" && event._tag !== "StepSkipped") return undefined
  const { result } = event
  if (typeof result !== "object" || result === null || !("version" in result)) return undefined
  return typeof result.version === "string" ? result.version : undefined
}

const makeRunHook = Effect.fnUntraced(function* (
  project: Project,
  secrets: ReadonlyMap<string, Redacted.Redacted<string>>
) {
  const processes = yield* Processes
  const scrubber = yield* Scrubber
  return Effect.fnUntraced(function* ({ event, hook }: Job, version: string | undefined) {
    const failed = (reason: HookFailed["reason"]) =>
      new HookFailed({ hook: hook.name, event: hookEventName(event) ?? event._tag, reason })
    const { clear, secrets: names } = hook.environment
    const hookSecrets = [...secrets].filter(([name]) => names.includes(name))
    const command: Command = {
      ...script("hook", hookScript, [project.root, ...hook.command]),
      env: { ...clear, ...Object.fromEntries(hookSecrets), ...hookVariables(hook, event, project, version) },
      stdin: `${JSON.stringify(event)}\n`,
      allowBackground: true
    }
    const { exitCode, stderr, stdout } = yield* processes.run(command).pipe(
      Effect.mapError((cause) =>
        failed(cause._tag === "OutputTooLong" ? { _tag: "TooLong" } : { _tag: "NotStarted", cause })
      ),
      Effect.catchDefect((cause) => Effect.fail(failed({ _tag: "NotStarted", cause }))),
      Effect.timeoutOrElse({
        duration: hook.timeout,
        orElse: () => Effect.fail(failed({ _tag: "TimedOut", seconds: Duration.toSeconds(hook.timeout) }))
      })
    )
    if (exitCode === 0) return
    const output = stderr.trim() === "" ? stdout : stderr
    return yield* failed({ _tag: "Ended", code: exitCode, stderr: lastLines(scrubber.text(output.trim()), 5) })
  })
})

/**
 * Prepares a project's hooks for a run: resolves their secrets, and fails if any are missing. Hooks run one after the
 * other. The run only waits for required hooks on `run.started`.
 */
export const prepareHooks = Effect.fnUntraced(function* (project: Project, hooks: ReadonlyArray<Hook>) {
  const names = hooks.flatMap(({ environment }) => environment.secrets)
  const secrets = yield* Secrets
  // If one is missing, report all missing secrets of the project at once.
  const missing = yield* secrets.findMissing(names)
  if (Option.isSome(missing))
    return yield* Option.getOrElse(yield* secrets.findMissing(secretNames(project)), () => missing.value)
  const run = yield* makeRunHook(project, yield* secrets.resolve(names))
  const failed: Array<{ error: HookFailed; required: boolean }> = []
  let dropped = 0
  let version: string | undefined
  const started = yield* Deferred.make<void, HookFailed>()

  const runJob = (job: Job) =>
    Effect.catch(run(job, version), (error) => {
      const { required } = job.hook
      failed.push({ error, required })
      return required && job.event._tag === "RunStarted" ? Deferred.fail(started, error) : Effect.void
    })
  const jobs = (event: Event): ReadonlyArray<Job> =>
    hooks.filter((hook) => handlesEvent(hook, event)).map((hook) => ({ hook, event }))

  const runStartHooks = Effect.fnUntraced(function* (event: Event) {
    const all = jobs(event)
    const last = all.findLastIndex(({ hook }) => hook.required)
    for (const job of all.slice(0, last + 1)) yield* runJob(job)
    yield* Deferred.succeed(started, undefined)
    for (const job of all.slice(last + 1)) yield* runJob(job)
  })

  const follow: Follower = Effect.fnUntraced(
    function* (events) {
      const queue = yield* Queue.make<Effect.Effect<void>, Cause.Done>()
      const worker = yield* Effect.forkChild(Stream.runForEach(Stream.fromQueue(queue), (work) => work))
      let waiting = 0
      let end: Event | undefined
      yield* ownEvents(events).pipe(
        Stream.runForEach((event) =>
          Effect.sync(() => {
            version = versionIn(event) ?? version
            if (isEnd(event)) end = event
            else if (event._tag === "RunStarted") Queue.offerUnsafe(queue, runStartHooks(event))
            else {
              for (const job of jobs(event)) {
                if (waiting >= maxQueued) dropped++
                else if (
                  Queue.offerUnsafe(
                    queue,
                    Effect.ensuring(
                      runJob(job),
                      Effect.sync(() => waiting--)
                    )
                  )
                )
                  waiting++
              }
            }
          })
        )
      )
      yield* Queue.end(queue)
      if (Option.isNone(yield* Effect.timeoutOption(Fiber.await(worker), drainTimeout(end)))) {
        yield* Fiber.interrupt(worker)
        dropped += waiting
      }
      if (end !== undefined) for (const job of jobs(end)) yield* runJob(job)
    },
    Effect.ensuring(Deferred.succeed(started, undefined))
  )
  return { started: Deferred.await(started), follow, report: () => ({ failed, dropped }) } satisfies Hooks
})
