import { Cause, Effect, Fiber, Queue, Scope, Stream } from "effect"
import { CommandLine } from "effect/process"
import { type Event, isEnd } from "../../core/Event.ts"
import { oneLine } from "../../core/text.ts"
import { Notices } from "../../reporters/Notices.ts"
import { warnReporterFailed } from "../../reporters/ReporterFailed.ts"
import type { Follower } from "../../reporters/Reporter.ts"
import { Terminal } from "../process/Terminal.ts"
import { type OutputOptions, RunLayers } from "../RunLayers.ts"
import type { RunInfo } from "../../serve/Api.ts"
import type { Connection } from "./connect.ts"
import { dryRunFollower } from "./dryRunFollower.ts"
import { printableEvent } from "./printableEvent.ts"

/** How long the end waits for its followers. */
const timeout = "2 seconds"

/** Those that show one run, and the queues of its events. */
interface Section {
  readonly queues: ReadonlyArray<Queue.Queue<Event, Cause.Done>>
  readonly fibers: ReadonlyArray<Fiber.Fiber<void>>
}

/**
 * Shows the events of a run of a `jiji serve` as those of a run of this machine are shown. Its command may run several pipelines,
 * and may start again: each gets reporters of its own.
 */
export const makeRunView = Effect.fnUntraced(function* (
  { behind, url }: Pick<Connection, "behind" | "url">,
  { id, project }: RunInfo,
  output: OutputOptions
) {
  const { remoteFollowers } = yield* RunLayers
  const terminal = yield* Terminal
  const { print } = yield* Notices
  const scope = yield* Scope.Scope
  let section: Section | undefined
  let isComplete = true
  let hasFailed = false

  const begin = Effect.fnUntraced(function* (followers: ReadonlyArray<Follower>) {
    const queues: Array<Queue.Queue<Event, Cause.Done>> = []
    const fibers: Array<Fiber.Fiber<void>> = []
    for (const follow of followers) {
      const queue = yield* Queue.unbounded<Event, Cause.Done>()
      queues.push(queue)
      const shown = Effect.catchCause(follow(Stream.fromQueue(queue)), warnReporterFailed)
      // Not a child: it still shows the events when the command is interrupted.
      fibers.push(yield* Effect.forkIn(shown, scope, { startImmediately: true }))
    }
    section = { queues, fibers }
  })
  const end = Effect.suspend(() => {
    if (section === undefined) return Effect.void
    const { fibers, queues } = section
    section = undefined
    for (const queue of queues) Queue.endUnsafe(queue)
    return Effect.asVoid(Effect.timeoutOption(Fiber.awaitAll(fibers), timeout))
  })
  return {
    end,
    /** Whether the events say why the run failed. */
    hasFailed: () => hasFailed,
    event: Effect.fnUntraced(function* (event: Event) {
      if (event._tag === "RunStarted" && event.parent === undefined) {
        yield* end
        if (!isComplete) print(`run ${id} goes on`)
        isComplete = false
        const isDryRun = event.dryRun === true && !output.json
        yield* begin(isDryRun ? [dryRunFollower(terminal)] : remoteFollowers(project, output))
      }
      if (isEnd(event) && event._tag !== "RunInterrupted") isComplete = true
      if (event._tag === "RunFailed") hasFailed = true
      if (event._tag === "RunInterrupted") {
        const signals = (event.waits ?? []).flatMap(({ signal }) => signal ?? [])
        // What the step itself says is for the server's own machine.
        for (const signal of signals) {
          const name = CommandLine.display([signal])
          print(oneLine(`run ${id} waits for a signal: jiji --remote ${url} signal ${id} ${name}`))
        }
      }
      // Live progress compares the times of events with this machine's clock.
      const shown = output.json ? event : { ...printableEvent(event), time: event.time + behind() }
      for (const queue of section?.queues ?? []) Queue.offerUnsafe(queue, shown)
    })
  }
})
