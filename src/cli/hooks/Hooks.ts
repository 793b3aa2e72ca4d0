import { type Cause, Deferred, Duration, Effect, Fiber, Option, Queue, type Redacted, Stream } from "effect"
import type { Hook } from "../../config/hooks.ts"
import type { Project } from "../../config/Project.ts"
import { secretNames } from "../../config/secretNames.ts"
import { type Command, script } from "../../layers/processes/Command.ts"
import { lastLines } from "../../core/lines.ts"
import { Secrets } from "../../layers/secrets/Secrets.ts"
import { Processes } from "../../layers/processes/Processes.ts"
import { type Event, isEnd } from "../../core/Event.ts"
import { Scrubber } from "../../core/Scrubber.ts"
import type { Follower } from "../../reporters/Reporter.ts"
import hookScript from "./hook.sh" with { type: "text" }
import { HookFailed } from "./HookFailed.ts"
import { isTold, nameOf, variables } from "./hookEvents.ts"

/** How many events wait for hooks that take longer than events come; those beyond are passed over. */
const most = 100

/** How long hooks on what happened within a run may go on after it: who has pressed Ctrl-C waits for what is next. */
const patience = (end: Event | undefined) => (end?._tag === "RunInterrupted" ? "1 second" : "5 seconds")

/** The hooks of a project, ready for one run. */
export interface Hooks {
  /** Waits for the hooks of the run's beginning, as far as one of them is required; fails where that did. */
  readonly begin: Effect.Effect<void, HookFailed>
  readonly follow: Follower
  /** What failed until now, and which of it is more than a warning; and how many events were passed over. */
  readonly report: () => {
    readonly failed: ReadonlyArray<{ readonly error: HookFailed; readonly required: boolean }>
    readonly missed: number
  }
}

interface Job {
  readonly hook: Hook
  readonly event: Event
}

/** A run's version, which the step that decides on it gives as its result. */
const versionIn = (event: Event): string | undefined => {
  if (event._tag !== "StepSucceeded" && event._tag !== "StepSkipped") return undefined
  const { result } = event
  if (typeof result !== "object" || result === null || !("version" in result)) return undefined
  return typeof result.version === "string" ? result.version : undefined
}

const runner = Effect.fnUntraced(function* (project: Project, secrets: ReadonlyMap<string, Redacted.Redacted<string>>) {
  const processes = yield* Processes
  const scrubber = yield* Scrubber
  return Effect.fnUntraced(function* ({ event, hook }: Job, version: string | undefined) {
    const failed = (reason: HookFailed["reason"]) =>
      new HookFailed({ hook: hook.name, event: nameOf(event) ?? event._tag, reason })
    const { clear, secrets: names } = hook.environment
    const own = [...secrets].filter(([name]) => names.includes(name))
    const command: Command = {
      ...script("hook", hookScript, [project.root, ...hook.command]),
      env: { ...clear, ...Object.fromEntries(own), ...variables(hook, event, project, version) },
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
    const said = stderr.trim() === "" ? stdout : stderr
    return yield* failed({ _tag: "Ended", code: exitCode, stderr: lastLines(scrubber.text(said.trim()), 5) })
  })
})

/**
 * Makes a project's hooks ready for a run: finds their secrets, or says which of all of the project's are missing. They
 * run one after the other, and the run waits for none of them but for those that are required at its beginning.
 */
export const prepare = Effect.fnUntraced(function* (project: Project, hooks: ReadonlyArray<Hook>) {
  const names = hooks.flatMap(({ environment }) => environment.secrets)
  const secrets = yield* Secrets
  // One that is missing is a reason to look for the others, so that all are told at once.
  const missing = yield* secrets.findMissing(names)
  if (Option.isSome(missing))
    return yield* Option.getOrElse(yield* secrets.findMissing(secretNames(project)), () => missing.value)
  const run = yield* runner(project, yield* secrets.resolve(names))
  const failed: Array<{ error: HookFailed; required: boolean }> = []
  let missed = 0
  let version: string | undefined
  const begun = yield* Deferred.make<void, HookFailed>()

  const perform = (job: Job) =>
    Effect.catch(run(job, version), (error) => {
      const { required } = job.hook
      failed.push({ error, required })
      return required && job.event._tag === "RunStarted" ? Deferred.fail(begun, error) : Effect.void
    })
  const jobs = (event: Event): ReadonlyArray<Job> =>
    hooks.filter((hook) => isTold(hook, event)).map((hook) => ({ hook, event }))

  const start = Effect.fnUntraced(function* (event: Event) {
    const all = jobs(event)
    const last = all.findLastIndex(({ hook }) => hook.required)
    for (const job of all.slice(0, last + 1)) yield* perform(job)
    yield* Deferred.succeed(begun, undefined)
    for (const job of all.slice(last + 1)) yield* perform(job)
  })

  const follow: Follower = Effect.fnUntraced(
    function* (events) {
      const queue = yield* Queue.make<Effect.Effect<void>, Cause.Done>()
      const worker = yield* Effect.forkChild(Stream.runForEach(Stream.fromQueue(queue), (work) => work))
      let waiting = 0
      let end: Event | undefined
      yield* events.pipe(
        Stream.takeUntil(isEnd),
        Stream.runForEach((event) =>
          Effect.sync(() => {
            version = versionIn(event) ?? version
            if (isEnd(event)) end = event
            else if (event._tag === "RunStarted") Queue.offerUnsafe(queue, start(event))
            else {
              for (const job of jobs(event)) {
                if (waiting >= most) missed++
                else if (
                  Queue.offerUnsafe(
                    queue,
                    Effect.ensuring(
                      perform(job),
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
      if (Option.isNone(yield* Effect.timeoutOption(Fiber.await(worker), patience(end)))) {
        yield* Fiber.interrupt(worker)
        missed += waiting
      }
      if (end !== undefined) for (const job of jobs(end)) yield* perform(job)
    },
    Effect.ensuring(Deferred.succeed(begun, undefined))
  )
  return { begin: Deferred.await(begun), follow, report: () => ({ failed, missed }) } satisfies Hooks
})
