import { Cause, type Duration, Effect, Exit, Fiber, FileSystem, Layer, Path, Schema, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Resolver from "../layers/proxy/Resolver.ts"
import { ServerProxy } from "../layers/proxy/ServerProxy.ts"
import { Diagnosis } from "../layers/diagnosis/Diagnosis.ts"
import { Docker } from "../layers/docker/Docker.ts"
import { Git } from "../layers/git/Git.ts"
import type { LocalRegistry } from "../layers/registry/LocalRegistry.ts"
import { label } from "../layers/shell/Machine.ts"
import type { RegistryContainer } from "../layers/registryContainer/RegistryContainer.ts"
import { Secrets } from "../layers/secrets/Secrets.ts"
import type { Shell } from "../layers/shell/Shell.ts"
import type { Ssh } from "../layers/ssh/Ssh.ts"
import { type Event, type FailureRecord } from "../core/Event.ts"
import { wholeRun } from "../core/runEvents.ts"
import { Events } from "../core/Events.ts"
import { IsDryRun } from "../core/IsDryRun.ts"
import { CurrentStepCache, type StepCache } from "../core/StepCache.ts"
import { stepLogger } from "../core/stepLogger.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import { type Entry as StoredEntry, type Journal, OpenJournal } from "../pipeline/interpreter/Journal.ts"
import { run as runPipeline } from "../pipeline/interpreter/run.ts"
import { CallHandlers } from "../pipeline/interpreter/subscribers.ts"
import { isBelow } from "../pipeline/paths.ts"
import { Scrubber } from "../core/Scrubber.ts"
import { difference, type Expected } from "./difference.ts"
import { type Entry, machines, Recording } from "../rehearsal/layers.ts"
import { matchesMachine } from "./pattern.ts"
import * as Scripts from "../rehearsal/Script.ts"
import { entryText } from "../rehearsal/commandText.ts"
import * as VirtualTime from "./VirtualTime.ts"
import { joinWords } from "../core/text.ts"
import { failureRecords } from "../core/failureRecords.ts"
import type { Answer } from "../rehearsal/Answer.ts"

export { type Expected } from "./difference.ts"
export { project } from "./project.ts"

/** The services that a rehearsal provides to a pipeline's steps. */
export type Provided =
  | Diagnosis
  | ServerProxy
  | Docker
  | Events
  | FileSystem.FileSystem
  | Git
  | LocalRegistry
  | Path.Path
  | RegistryContainer
  | Scope.Scope
  | Scrubber
  | Secrets
  | Shell
  | Ssh

/** The settings of a rehearsal. By default, everything succeeds. */
export interface Script<ROut = never> {
  /** How machines answer. The first matching answer counts; without one, the command succeeds. */
  readonly answers?: ReadonlyArray<Answer>
  /** All secrets, by name. A rehearsal reads neither files nor this process's environment. */
  readonly secrets?: Readonly<Record<string, string>>
  /** Interrupts the run, like Ctrl-C, after this virtual time. */
  readonly interrupt?: Duration.Input
  /** Also calls the handlers of `Pipeline.on`. By default, none is called, as in `--dry-run`. */
  readonly handlers?: boolean
  /** The value of `IsDryRun`; true by default. With false, steps do what they would do in a live run. */
  readonly dryRun?: boolean
  /** Keeps the results of cached steps. Give several rehearsals the same `memoryCache()`; without one, no step is cached. */
  readonly cache?: StepCache
  /** An earlier rehearsal of the pipeline, with which this one goes on as `jiji resume` does. */
  readonly resume?: { readonly stored: ReadonlyMap<string, unknown> }
  /** Services that your own steps use, or replacements for jiji's services. */
  readonly layers?: Layer.Layer<ROut>
}

/** A resource that the run acquired, and whether it was released. */
export interface Held {
  readonly resource: string
  /** The node that acquired it. */
  readonly path: string
  readonly released: boolean
}

/** The result of a rehearsal. */
export interface RehearsalResult<A, E> {
  readonly exit: Exit.Exit<A, E>
  /** The failures of the run; empty if it succeeded. */
  readonly failures: ReadonlyArray<FailureRecord>
  readonly events: ReadonlyArray<Event>
  /** Everything that was done on all machines, in order, as data. */
  readonly entries: ReadonlyArray<Entry>
  /** The same as text, in the format of `--dry-run`, with the machine's name; `local` is this machine. */
  readonly commands: ReadonlyArray<{ readonly machine: string; readonly text: string }>
  /** The names of the servers of the input's project; undefined if the input has no project. */
  readonly servers: ReadonlyArray<string> | undefined
  /** Everything that was done on one machine, in order, as text. */
  on(machine: string): ReadonlyArray<string>
  /** The acquired resources, in order. */
  readonly held: ReadonlyArray<Held>
  /** The paths of the undone steps, in order. */
  readonly undone: ReadonlyArray<string>
  /** The names of the script's unused answers. */
  readonly unused: ReadonlyArray<string>
  /** What was stored about completed steps, by path: pass the result as `resume` to go on with the run. */
  readonly stored: ReadonlyMap<string, unknown>
}

/** A journal in memory, whose signals come from the script. */
const makeJournal = (script: Scripts.Script, stored: Map<string, StoredEntry>, resumes: boolean): Journal => ({
  ...(resumes && { resumes: "rehearsal" }),
  read: (path) => stored.get(path),
  write: (path, entry) => Effect.sync(() => void stored.set(path, entry)),
  forget: (path) =>
    Effect.sync(() => {
      for (const each of stored.keys()) {
        if (each === path || isBelow(each, path)) stored.delete(each)
      }
    }),
  signal: (_path, name) => {
    const sent = script.signal(name)
    if (sent === undefined) return Effect.undefined
    const signal = Effect.succeed({ value: sent.value, by: sent.by })
    return sent.after === undefined ? signal : Effect.delay(signal, sent.after)
  },
  howToSignal: (name) => `Answer.signal(${JSON.stringify(name)})`
})

const heldResources = (events: ReadonlyArray<Event>): ReadonlyArray<Held> => {
  const released = events.flatMap((event) => (event._tag === "ResourceReleased" ? [event] : []))
  return events.flatMap((event) => {
    if (event._tag !== "ResourceAcquired") return []
    const { path, resource, seq } = event
    const end = released.findIndex((each) => each.path === path && each.resource === resource && each.seq > seq)
    // A release belongs to exactly one acquired resource.
    if (end !== -1) released.splice(end, 1)
    return [{ resource, path, released: end !== -1 }]
  })
}

const hasProject = Schema.is(
  Schema.Struct({ project: Schema.Struct({ servers: Schema.Array(Schema.Struct({ name: Schema.String })) }) })
)

/** Describes which step is waiting for what, in a run that does not end. */
const describeWaiting = (events: ReadonlyArray<Event>, pending: ReadonlyMap<string, () => string>): string => {
  const open = new Set<string>()
  for (const event of events) {
    if (!("kind" in event) || (event.kind !== "step" && event.kind !== "undo")) continue
    if (event._tag === "StepStarted") open.add(event.path)
    else open.delete(event.path)
  }
  const all = [...open].map(
    (path) => `${path} is waiting for ${pending.get(path)?.() ?? "something real, or something that never happens"}`
  )
  return all.length === 0 ? "it is waiting for something that never happens" : all.join(", ")
}

/** Throws if an answer is for an unknown machine, because it would never be used. */
const checkMachines = (answers: ReadonlyArray<Answer>, machines: ReadonlyArray<string>): void => {
  for (const { name, on } of answers) {
    if (on === undefined || machines.some((machine) => matchesMachine(on, machine))) continue
    throw new Error(
      `There is no machine ${JSON.stringify(on)} (answer: ${name}). The machines are ${joinWords(machines, "and")}.`
    )
  }
}

/** Makes the layers of jiji's services for a rehearsal. */
const makeLayers = <ROut>(script: Scripts.Script, { layers, secrets = {} }: Script<ROut>) => {
  const jiji = Layer.mergeAll(
    Diagnosis.layer,
    Docker.layer,
    ServerProxy.layerWith(Resolver.none),
    Git.layer,
    Secrets.layer({ root: "/project", env: secrets })
  ).pipe(Layer.provideMerge(machines(script)), Layer.provideMerge(Layer.merge(FileSystem.layerNoop({}), Path.layer)))
  return Layer.merge(jiji, layers ?? Layer.empty)
}

/** On a busy machine a step may take longer than the usual second, and time must not move on meanwhile. */
const testClock = TestClock.layer({ warningDelay: "30 seconds" })

/**
 * Runs a pipeline with simulated machines. jiji's services start no process, open no connection and touch no file; code of
 * a step that uses none of them, such as `fetch`, is real. Runs in virtual time, so hours of waiting pass at once. If the pipeline waits for something real, the rehearsal waits too, and dies with a
 * defect after two seconds without progress. Throws if an answer names an unknown machine. Never fails otherwise: the
 * result's `exit` shows how the run ended.
 */
export const run = <N extends object, S, E, R, ROut = never>(
  pipeline: Pipeline<N, S, E, R>,
  input: N,
  script: Script<ROut> = {}
): Effect.Effect<RehearsalResult<S, E>, never, Exclude<R, Provided | ROut>> => {
  if (hasProject(input))
    checkMachines(script.answers ?? [], ["local", ...input.project.servers.map(({ name }) => name)])
  const rehearsal = Effect.gen(function* () {
    const answers = Scripts.make(script.answers ?? [])
    const recording = Recording.make()
    const events: Array<Event> = []
    const stream = yield* (yield* Events).subscribe
    const reader = yield* wholeRun(stream).pipe(
      Stream.runForEach((event) => Effect.sync(() => events.push(event))),
      Effect.forkChild({ startImmediately: true })
    )
    // Only an earlier rehearsal makes these entries.
    const stored = new Map(script.resume?.stored as ReadonlyMap<string, StoredEntry> | undefined)
    const journal = makeJournal(answers, stored, script.resume !== undefined)
    const layers = makeLayers(answers, script).pipe(Layer.provide(Layer.succeed(Recording, recording)))
    const exit = yield* VirtualTime.run(
      runPipeline(pipeline, input, layers).pipe(
        Effect.provide(stepLogger),
        Effect.provideService(IsDryRun, script.dryRun ?? true),
        Effect.provideService(CurrentStepCache, script.cache),
        Effect.provideService(CallHandlers, script.handlers ?? false),
        Effect.provideService(OpenJournal, () => Effect.succeed(journal))
      ),
      script.interrupt,
      () => describeWaiting(events, answers.pending)
    )
    yield* Fiber.join(reader)
    const commands = recording.entries.map((entry) => ({ machine: label(entry.machine), text: entryText(entry) }))
    const { entries } = recording
    return {
      exit,
      failures: Exit.isFailure(exit) ? failureRecords(exit.cause) : [],
      events,
      entries,
      commands,
      servers: hasProject(input) ? input.project.servers.map(({ name }) => name) : undefined,
      on: (machine: string) => commands.flatMap((each) => (each.machine === machine ? [each.text] : [])),
      held: heldResources(events),
      undone: events.flatMap(({ _tag, path }) =>
        _tag === "StepStarted" && path.endsWith("/undo") ? [path.slice(0, -"/undo".length)] : []
      ),
      unused: answers.unused(),
      stored
    }
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.mergeAll(Events.layer.pipe(Layer.provideMerge(Scrubber.layer)), testClock))
  )
  // The compiler cannot see, for the generic R, that excluding all services at once is the same as one after the other.
  return rehearsal as Effect.Effect<RehearsalResult<S, E>, never, Exclude<R, Provided | ROut>>
}

const useColors = (): boolean => process.stderr.isTTY && (process.env["NO_COLOR"] ?? "") === ""

const describeEnd = ({ exit, failures }: RehearsalResult<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "The run succeeded."
  if (Cause.hasInterruptsOnly(exit.cause)) return "The run was interrupted."
  return `The run failed: ${failures.map(({ message }) => message).join(" ")}`
}

/** Finds expectations for unknown machines, on which nothing ever runs. */
const unknownMachines = (
  { commands, servers }: RehearsalResult<unknown, unknown>,
  expected: Expected
): ReadonlyArray<string> => {
  if (servers === undefined) return []
  const machines = [...new Set([...servers, "local", ...commands.map(({ machine }) => machine)])]
  return Object.keys(expected)
    .filter((name) => !machines.includes(name))
    .map((name) => `There is no machine ${JSON.stringify(name)}. The machines are ${joinWords(machines, "and")}.`)
}

/**
 * Compares what was done on the machines in `expected`; ignores other machines. `[]` expects that nothing was done. Throws
 * an Error that shows the difference. Also throws if the project has no such machine, or if an answer was not used.
 */
export const expect = (rehearsed: RehearsalResult<unknown, unknown>, expected: Expected): void => {
  const diff = difference(expected, rehearsed.on, useColors())
  const unused = rehearsed.unused.map((name) => `  ${name}`)
  const parts = [
    ...unknownMachines(rehearsed, expected),
    ...(diff === undefined ? [] : [`The commands are not as expected (- expected, + actual):\n${diff}`]),
    ...(unused.length === 0 ? [] : [`These answers were never used:\n${unused.join("\n")}`])
  ]
  if (parts.length > 0) throw new Error(`${parts.join("\n")}\n${describeEnd(rehearsed)}`)
}
