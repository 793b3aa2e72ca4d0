import { Context, Deferred, Effect, Layer, Queue, RcMap, Result, Schema } from "effect"
import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { defineError } from "../core/defineError.ts"
import type { RunPolicy } from "./policy.ts"
import type { Answer, PipelineInfo, Question } from "./protocol.ts"
import { Workers, type Worker } from "./Workers.ts"

/** A pipeline does not take what a run should give it, or cannot be loaded. */
export class InputRefused extends defineError<InputRefused>()("InputRefused", {
  fields: { pipeline: Schema.String, reasons: Schema.Array(Schema.String) },
  message: (e) => `Cannot run the pipeline ${e.pipeline}: ${e.reasons.join("; ")}`,
  remedy: "GET /api/pipelines shows what each pipeline takes.",
  exitCode: "usage",
  sample: { pipeline: "release", reasons: ['Expected string, got 3 at ["tag"]'] }
}) {}

/** No step of a pipeline takes a signal, or not with this value. */
export class SignalRefused extends defineError<SignalRefused>()("SignalRefused", {
  fields: { signal: Schema.String, reasons: Schema.Array(Schema.String) },
  message: (e) => `The signal ${e.signal} is refused: ${e.reasons.join("; ")}`,
  remedy: "Send what `Step.waitFor` expects: a JSON value that fits its schema; without one, `true`.",
  exitCode: "usage",
  sample: { signal: "approved", reasons: ["Expected string, got 3"] }
}) {}

/** How long an answer may take: a pipeline file has 10 seconds to load. */
const patience = "15 seconds"

/** How long a process is kept that answers questions about a project. */
const keptFor = "2 minutes"

const stampOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0

/** The files of a project that decide what its pipelines are. A folder changes when a file is added or removed. */
const pipelineFiles = (folder: string): ReadonlyArray<string> => {
  const below = join(folder, ".jiji/pipelines")
  try {
    return [below, ...readdirSync(below, { recursive: true }).map((name) => join(below, String(name)))]
  } catch {
    // There is no such folder.
    return [below]
  }
}

/** A process that has loaded the pipelines of a project. */
interface Process {
  readonly worker: Worker
  /** When the files were changed that its answers depend on. */
  readonly stamps: Map<string, number>
  /** Who waits for an answer, by the question's ID. */
  readonly waiting: Map<number, Deferred.Deferred<Answer, "exited">>
  isGone: boolean
}

const haveChanged = (stamps: ReadonlyMap<string, number>): boolean =>
  [...stamps].some(([file, stamp]) => stampOf(file) !== stamp)

const isStale = ({ isGone, stamps }: Process): boolean => isGone || haveChanged(stamps)

/** What the pipelines of a project were at some time. */
interface Inspection {
  readonly pipelines: ReadonlyArray<PipelineInfo>
  readonly isStale: () => boolean
}

/** Passes the answers on. When the process has exited, tells everybody who waits. */
const passAnswers = Effect.fnUntraced(
  function* (process: Process) {
    while (true) {
      const line = yield* Queue.take(process.worker.lines)
      if (line._tag !== "Pipelines" && line._tag !== "Accepted" && line._tag !== "Refused") continue
      for (const file of line.files) if (!process.stamps.has(file)) process.stamps.set(file, stampOf(file))
      const waiting = process.waiting.get(line.id)
      process.waiting.delete(line.id)
      if (waiting !== undefined) yield* Deferred.succeed(waiting, line)
    }
  },
  (effect, process) =>
    Effect.ensuring(
      Effect.ignore(effect),
      Effect.suspend(() => {
        process.isGone = true
        return Effect.forEach(process.waiting.values(), (waiting) => Deferred.fail(waiting, "exited"), {
          discard: true
        })
      })
    )
)

/**
 * Answers questions about the pipelines of projects. Loading a pipeline runs its author's code, so another process does that,
 * one for each project. It is started again when a file has changed.
 */
export class Inspector extends Context.Service<
  Inspector,
  {
    /** The pipelines of a project, with what they take. */
    pipelines(folder: string): Effect.Effect<ReadonlyArray<PipelineInfo>>
    /** The same, and whether a file that they depend on has changed since. */
    inspect(folder: string): Effect.Effect<Inspection>
    /** The words that run a pipeline with an input and further flags, and how the pipeline says that it should run. */
    prepare(
      folder: string,
      name: string,
      input: Readonly<Record<string, unknown>>,
      flags: ReadonlyArray<string>
    ): Effect.Effect<{ readonly words: ReadonlyArray<string>; readonly policy: RunPolicy }, InputRefused>
    /** Fails if a pipeline cannot wait for a signal with a value. */
    checkSignal(folder: string, name: string, signal: string, value: unknown): Effect.Effect<void, SignalRefused>
  }
>()("jiji/serve/Inspector") {
  static readonly layer = Layer.effect(
    Inspector,
    Effect.gen(function* () {
      const workers = yield* Workers
      const startProcess = Effect.fnUntraced(function* (folder: string) {
        const worker = yield* workers.take({ _tag: "Inspect", folder })
        const stamps = new Map(pipelineFiles(folder).map((file) => [file, stampOf(file)]))
        const process: Process = { worker, stamps, waiting: new Map(), isGone: false }
        yield* Effect.forkScoped(passAnswers(process), { startImmediately: true })
        return process
      })
      const processes = yield* RcMap.make({ lookup: startProcess, idleTimeToLive: keptFor })
      /** The process of a project. Fails with the reason if it cannot be started; the next request tries again. */
      const get = (folder: string) =>
        RcMap.get(processes, folder).pipe(
          Effect.tapError(() => RcMap.invalidate(processes, folder)),
          Effect.mapError((detail) => `its process cannot be started: ${detail}`)
        )
      const fresh = Effect.fnUntraced(function* (folder: string) {
        const process = yield* get(folder)
        if (!isStale(process)) return process
        yield* RcMap.invalidate(processes, folder)
        return yield* get(folder)
      })
      let lastId = 0
      /** Fails with the reason if there is no answer. */
      const askProcess = Effect.fnUntraced(function* (process: Process, question: (id: number) => Question) {
        const id = ++lastId
        const answer = yield* Deferred.make<Answer, "exited">()
        process.waiting.set(id, answer)
        yield* process.worker.send(question(id))
        return yield* Deferred.await(answer).pipe(
          Effect.mapError(() => "loading it has ended the process; the output of jiji serve says why"),
          Effect.timeoutOrElse({
            duration: patience,
            orElse: () =>
              Effect.andThen(
                // It may be in an endless loop.
                process.worker.kill,
                Effect.fail("loading it takes too long")
              )
          })
        )
      })
      const ask = (folder: string, question: (id: number) => Question) =>
        Effect.scoped(Effect.flatMap(fresh(folder), (process) => askProcess(process, question)))
      const prepare = Effect.fnUntraced(function* (
        folder: string,
        pipeline: string,
        input: Readonly<Record<string, unknown>>,
        flags: ReadonlyArray<string>
      ) {
        const answer = yield* Effect.mapError(
          ask(folder, (id) => ({ _tag: "CheckPipeline", id, name: pipeline, input, flags })),
          (reason) => new InputRefused({ pipeline, reasons: [reason] })
        )
        if (answer._tag === "Accepted") return { words: answer.words, policy: answer.policy }
        const reasons = answer._tag === "Refused" ? answer.reasons : []
        return yield* new InputRefused({ pipeline, reasons })
      })
      const unknown = (problem: string): ReadonlyArray<PipelineInfo> => [{ name: "*", description: "", problem }]
      const listPipelines = Effect.fnUntraced(function* (process: Process) {
        const answer = yield* Effect.result(askProcess(process, (id) => ({ _tag: "ListPipelines", id })))
        if (Result.isFailure(answer)) return unknown(answer.failure)
        return answer.success._tag === "Pipelines" ? answer.success.pipelines : []
      })
      return Inspector.of({
        prepare,
        pipelines: (folder) =>
          Effect.scoped(Effect.flatMap(fresh(folder), listPipelines)).pipe(
            Effect.catch((problem) => Effect.succeed(unknown(problem)))
          ),
        inspect: Effect.fnUntraced(
          function* (folder) {
            // Somebody may look at all projects: keeping a process for each would need too much memory.
            const isKept = yield* RcMap.has(processes, folder)
            const process = yield* isKept ? fresh(folder) : startProcess(folder)
            const pipelines = yield* listPipelines(process)
            const stamps = new Map(process.stamps)
            return { pipelines, isStale: () => haveChanged(stamps) }
          },
          Effect.scoped,
          Effect.catch((problem) => Effect.succeed({ pipelines: unknown(problem), isStale: () => true }))
        ),
        checkSignal: Effect.fnUntraced(function* (folder, name, signal, value) {
          const answer = yield* Effect.mapError(
            ask(folder, (id) => ({ _tag: "CheckSignal", id, name, signal, value })),
            (reason) => new SignalRefused({ signal, reasons: [reason] })
          )
          if (answer._tag === "Refused") return yield* new SignalRefused({ signal, reasons: answer.reasons })
        })
      })
    })
  )
}
