import { Effect, Layer } from "effect"
import type { Project } from "../config/Project.ts"
import type { EventBody } from "../core/Event.ts"
import { CurrentPath, Events } from "../core/Events.ts"
import { IsDryRun } from "../core/IsDryRun.ts"
import { publicPaths } from "../core/publicPaths.ts"
import { Scrubber } from "../core/Scrubber.ts"
import { stepLogger } from "../core/stepLogger.ts"
import { oneLine } from "../core/text.ts"
import { type Journal, OpenJournal } from "../pipeline/interpreter/Journal.ts"
import { run } from "../pipeline/interpreter/run.ts"
import { CallHandlers } from "../pipeline/interpreter/subscribers.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import { lines } from "../rehearsal/DryRun.ts"
import { Recording } from "../rehearsal/layers.ts"
import { json } from "../reporters/json.ts"
import { feed } from "../reporters/Reporter.ts"
import type { PipelineServices } from "../steps/Runnable.ts"
import { dryRunNotes } from "./dryRunNotes.ts"
import { hookLines } from "./hooks/hookLines.ts"
import { reserveStdout } from "./process/stdout.ts"
import { Terminal } from "./process/Terminal.ts"
import { failOnUnhandledErrors } from "./process/unhandledErrors.ts"
import { type OutputOptions, RunLayers } from "./RunLayers.ts"
import { withFollowers } from "./withFollowers.ts"

type StepNote = Extract<EventBody, { readonly _tag: "StepNoted" }>

interface DryRunOptions extends OutputOptions {
  /** Printed above the commands, unless they are printed as JSON. */
  readonly heading: ReadonlyArray<string>
}

/** Runs a pipeline and prints its events as JSON, as a live run does. They include what would be done. */
const printEvents = Effect.fnUntraced(function* <A, E, R>(dryRun: Effect.Effect<A, E, R>) {
  reserveStdout()
  const terminal = yield* Terminal
  yield* withFollowers([feed(json(terminal))], Effect.provide(dryRun, stepLogger)).pipe(failOnUnhandledErrors)
})

/** Runs a pipeline and prints the heading and everything that would be done. */
const printCommands = Effect.fnUntraced(function* <A, E, R>(
  dryRun: Effect.Effect<A, E, R>,
  project: Project,
  heading: ReadonlyArray<string>
) {
  const { write } = yield* Terminal
  const scrubber = yield* Scrubber
  const { toPublic } = publicPaths(scrubber.text)
  const events = yield* Events
  /** Publishes events, and adds the notes of steps to a list. */
  const collect = (notes: Array<string>, isShown: (note: StepNote) => boolean) =>
    Events.of({
      ...events,
      publish: (body, result) =>
        Effect.andThen(
          Effect.map(CurrentPath, (path) => {
            if (body._tag !== "StepNoted" || !isShown(body)) return
            notes.push(`  ${toPublic("", path)}: ${oneLine(scrubber.text(body.text))}`)
          }),
          events.publish(body, result)
        )
    })
  const logged: Array<string> = []
  const warnings: Array<string> = []
  const logger = Layer.provide(
    stepLogger,
    Layer.succeed(
      Events,
      collect(logged, () => true)
    )
  )
  yield* dryRun.pipe(
    Effect.provide(logger),
    Effect.provideService(
      Events,
      collect(warnings, ({ level }) => level === "warning")
    ),
    failOnUnhandledErrors
  )
  const { entries } = yield* Recording
  const commands = entries.flatMap((entry) => (entry._tag === "Command" ? [entry.command] : []))
  const notes = dryRunNotes(commands)
  const text = [
    ...heading.map(scrubber.text),
    ...(entries.length === 0 ? ["", "No command would run."] : lines(entries, scrubber.text)),
    ...hookLines(project, scrubber.text),
    ...(warnings.length === 0 ? [] : ["", "warnings:", ...warnings]),
    ...(logged.length === 0 ? [] : ["", "logged by steps:", ...logged]),
    ...(notes.length === 0 ? [] : ["", ...notes])
  ]
  write(`${text.join("\n")}\n`)
})

/** Stores nothing. Waits end at once, because nobody can send a signal. */
const dryJournal: Journal = {
  read: () => undefined,
  write: () => Effect.void,
  forget: () => Effect.void,
  signal: () => Effect.undefined,
  howToSignal: () => "",
  isDryRun: true
}

/** Runs a pipeline over layers that only record, and prints what they recorded. Calls neither hooks nor handlers. */
export const runDry = Effect.fnUntraced(function* <N extends { readonly project: Project }, S, E>(
  pipeline: Pipeline<N, S, E, PipelineServices>,
  input: N,
  options: DryRunOptions
) {
  const { dry } = yield* RunLayers
  const dryRun = run(pipeline, input).pipe(Effect.provideService(OpenJournal, () => Effect.succeed(dryJournal)))
  yield* (options.json ? printEvents(dryRun) : printCommands(dryRun, input.project, options.heading)).pipe(
    Effect.provide(dry(input.project)),
    Effect.provideService(IsDryRun, true),
    Effect.provideService(CallHandlers, false)
  )
})
