import { Cause, type Duration, Effect, Exit, Fiber, FileSystem, Layer, Path, Schema, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Diagnosis } from "../layers/diagnosis/Diagnosis.ts"
import { Docker } from "../layers/docker/Docker.ts"
import { Git } from "../layers/git/Git.ts"
import type { LocalRegistry } from "../layers/registry/LocalRegistry.ts"
import { label } from "../layers/shell/Machine.ts"
import type { RegistryContainer } from "../layers/registryContainer/RegistryContainer.ts"
import { Secrets } from "../layers/secrets/Secrets.ts"
import type { Shell } from "../layers/shell/Shell.ts"
import type { Ssh } from "../layers/ssh/Ssh.ts"
import { type Event, type FailureRecord, isEnd } from "../core/Event.ts"
import { Events } from "../core/Events.ts"
import { stepLogger } from "../core/stepLogger.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import { run as runPipeline } from "../pipeline/interpreter/run.ts"
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

/** What a rehearsal gives to a pipeline's steps. */
export type Provided =
  | Diagnosis
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

/** How a rehearsal differs from one in which all goes well. */
export interface Script<ROut = never> {
  /** What machines answer. The first answer that fits counts; where none does, all goes well. */
  readonly answers?: ReadonlyArray<Answer>
  /** Secrets by name. There are no others: neither files nor this process's environment are looked at. */
  readonly secrets?: Readonly<Record<string, string>>
  /** When, in the rehearsal's time, the run is interrupted as by Ctrl-C. */
  readonly interrupt?: Duration.Input
  /** Services of your own that steps use, or what takes the place of jiji's. */
  readonly layers?: Layer.Layer<ROut>
}

/** Something that was held in the run, and what became of it. */
export interface Held {
  readonly resource: string
  /** The node that acquired it. */
  readonly path: string
  readonly released: boolean
}

/** What became of a pipeline in a rehearsal. */
export interface Rehearsed<A, E> {
  readonly exit: Exit.Exit<A, E>
  /** What the run failed in; empty where it did not. */
  readonly failures: ReadonlyArray<FailureRecord>
  readonly events: ReadonlyArray<Event>
  /** All that was done on any machine, in order; the commands with their words. */
  readonly entries: ReadonlyArray<Entry>
  /** The same as `--dry-run` prints it, each with its machine's name, `local` for this one. */
  readonly commands: ReadonlyArray<{ readonly machine: string; readonly text: string }>
  /** The names of the servers of the project that was given; nothing where none was. */
  readonly servers: ReadonlyArray<string> | undefined
  /** What was done on one machine, in order. */
  on(machine: string): ReadonlyArray<string>
  /** What was acquired, in order. */
  readonly held: ReadonlyArray<Held>
  /** The paths of the steps that were undone, in order. */
  readonly undone: ReadonlyArray<string>
  /** The answers of the script that nothing has asked for. */
  readonly unused: ReadonlyArray<string>
}

const heldOf = (events: ReadonlyArray<Event>): ReadonlyArray<Held> => {
  const released = events.flatMap((event) => (event._tag === "ResourceReleased" ? [event] : []))
  return events.flatMap((event) => {
    if (event._tag !== "ResourceAcquired") return []
    const { path, resource, seq } = event
    const end = released.findIndex((each) => each.path === path && each.resource === resource && each.seq > seq)
    // Each release is of one thing that was acquired.
    if (end !== -1) released.splice(end, 1)
    return [{ resource, path, released: end !== -1 }]
  })
}

const isOnProject = Schema.is(
  Schema.Struct({ project: Schema.Struct({ servers: Schema.Array(Schema.Struct({ name: Schema.String })) }) })
)

/** Who waits for what, where a run does not end. */
const waiting = (events: ReadonlyArray<Event>, asked: ReadonlyMap<string, string>): string => {
  const open = new Set<string>()
  for (const event of events) {
    if (!("kind" in event) || (event.kind !== "step" && event.kind !== "undo")) continue
    if (event._tag === "StepStarted") open.add(event.path)
    else open.delete(event.path)
  }
  const all = [...open].map(
    (path) => `${path} waits for ${asked.get(path) ?? "something that is real, or that does not come"}`
  )
  return all.length === 0 ? "it waits for something that does not come" : all.join(", ")
}

/** Throws where an answer is of a machine that there is not: nothing would ever ask for it. */
const checkMachines = (answers: ReadonlyArray<Answer>, there: ReadonlyArray<string>): void => {
  for (const { name, on } of answers) {
    if (on === undefined || there.some((machine) => matchesMachine(on, machine))) continue
    throw new Error(
      `No machine is called ${JSON.stringify(on)} (answer: ${name}); there are ${joinWords(there, "and")}.`
    )
  }
}

/** What jiji's services are in a rehearsal. */
const layersOf = <ROut>(script: Scripts.Script, { layers, secrets = {} }: Script<ROut>) => {
  const jiji = Layer.mergeAll(
    Diagnosis.layer,
    Docker.layer,
    Git.layer,
    Secrets.layer({ root: "/project", env: secrets })
  ).pipe(Layer.provideMerge(machines(script)), Layer.provideMerge(Layer.merge(FileSystem.layerNoop({}), Path.layer)))
  return Layer.merge(jiji, layers ?? Layer.empty)
}

/**
 * Runs a pipeline as it would run, over machines that only answer: no process, no connection and no file is touched. Its
 * time is its own, so that hours of waiting pass at once; where it waits for something that is real and does not come,
 * it is ended with a defect.
 */
export const run = <N extends object, S, E, R, ROut = never>(
  pipeline: Pipeline<N, S, E, R>,
  input: N,
  script: Script<ROut> = {}
): Effect.Effect<Rehearsed<S, E>, never, Exclude<R, Provided | ROut>> => {
  if (isOnProject(input))
    checkMachines(script.answers ?? [], ["local", ...input.project.servers.map(({ name }) => name)])
  const rehearsing = Effect.gen(function* () {
    const answers = Scripts.make(script.answers ?? [])
    const recording = Recording.make()
    const events: Array<Event> = []
    const stream = yield* (yield* Events).subscribe
    const reader = yield* stream.pipe(
      Stream.takeUntil(isEnd),
      Stream.runForEach((event) => Effect.sync(() => events.push(event))),
      Effect.forkChild({ startImmediately: true })
    )
    const layers = layersOf(answers, script).pipe(Layer.provide(Layer.succeed(Recording, recording)))
    const exit = yield* VirtualTime.run(
      Effect.provide(runPipeline(pipeline, input, layers), stepLogger),
      script.interrupt,
      () => waiting(events, answers.asked)
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
      servers: isOnProject(input) ? input.project.servers.map(({ name }) => name) : undefined,
      on: (machine: string) => commands.flatMap((each) => (each.machine === machine ? [each.text] : [])),
      held: heldOf(events),
      undone: events.flatMap(({ _tag, path }) =>
        _tag === "StepStarted" && path.endsWith("/undo") ? [path.slice(0, -"/undo".length)] : []
      ),
      unused: answers.unused()
    }
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.mergeAll(Events.layer.pipe(Layer.provideMerge(Scrubber.layer)), TestClock.layer()))
  )
  // Of a type that is not known yet, the compiler does not see that it comes to the same to leave out all at once.
  return rehearsing as Effect.Effect<Rehearsed<S, E>, never, Exclude<R, Provided | ROut>>
}

const colored = (): boolean => process.stderr.isTTY && (process.env["NO_COLOR"] ?? "") === ""

const ending = ({ exit, failures }: Rehearsed<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "The run succeeded."
  if (Cause.hasInterruptsOnly(exit.cause)) return "The run was interrupted."
  return `The run failed: ${failures.map(({ message }) => message).join(" ")}`
}

/** Names of machines that there are not: nothing is ever done on one of these. */
const strangers = ({ commands, servers }: Rehearsed<unknown, unknown>, expected: Expected): ReadonlyArray<string> => {
  if (servers === undefined) return []
  const there = [...new Set([...servers, "local", ...commands.map(({ machine }) => machine)])]
  return Object.keys(expected)
    .filter((name) => !there.includes(name))
    .map((name) => `There is no machine ${JSON.stringify(name)}; there are ${joinWords(there, "and")}.`)
}

/**
 * Throws an Error that shows the difference, where on one of the machines that are named something else was done than is
 * expected, where the project has no such machine, or where nothing asked for one of the script's answers. `[]` expects
 * that a machine was left alone.
 */
export const expect = (rehearsed: Rehearsed<unknown, unknown>, expected: Expected): void => {
  const different = difference(expected, rehearsed.on, colored())
  const unused = rehearsed.unused.map((name) => `  ${name}`)
  const parts = [
    ...strangers(rehearsed, expected),
    ...(different === undefined ? [] : [`What was done is not what was expected (- expected, + done):\n${different}`]),
    ...(unused.length === 0 ? [] : [`These answers were never asked for:\n${unused.join("\n")}`])
  ]
  if (parts.length > 0) throw new Error(`${parts.join("\n")}\n${ending(rehearsed)}`)
}
