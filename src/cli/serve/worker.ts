import { Cause, Deferred, Effect, Exit, Queue, Schema } from "effect"
import { Scrubber } from "../../core/Scrubber.ts"
import { WhenWaiting } from "../../pipeline/interpreter/Activity.ts"
import { jsonLine } from "../../reporters/json.ts"
import { Job, maxLine, Question } from "../../serve/protocol.ts"
import { RunChanged, RunFolderGone, RunNotResumable, RunResumedBefore } from "../../record/ResumeError.ts"
import { NoRunKept, RunNotFound } from "../../record/RecordError.ts"
import { exitReport } from "../process/exit.ts"
import { reserveStdout, writeStdoutFully } from "../process/stdout.ts"
import { registerModules } from "../pipelines/modules.ts"
import { answer } from "./inspect.ts"

const decodeJob = Schema.decodeUnknownEffect(Schema.fromJsonString(Job))
const decodeQuestion = Schema.decodeUnknownOption(Schema.fromJsonString(Question))

/** Passes on each line of stdin. `onEnd` is called when the server has closed it, or is gone. */
const readStdin = (onLine: (line: string) => void, onEnd: () => void): void => {
  let rest = ""
  process.stdin.setEncoding("utf8")
  process.stdin.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n")
    rest = (lines.pop() ?? "").slice(0, maxLine)
    for (const line of lines) onLine(line)
  })
  process.stdin.on("end", onEnd)
  process.stdin.on("error", onEnd)
}

/** `--json` follows the command, and of `run` the pipeline's name. */
const withJson = ([command = "", ...rest]: ReadonlyArray<string>): ReadonlyArray<string> =>
  command === "run" ? [command, ...rest.slice(0, 1), "--json", ...rest.slice(1)] : [command, "--json", ...rest]

const changeFolder = (folder: string) =>
  Effect.sync(() => {
    process.chdir(folder)
    process.env["PWD"] = folder
  })

/** Why a run cannot be resumed. Its command starts from the beginning then. */
const notResumable = [RunNotResumable, RunChanged, RunFolderGone, RunNotFound, NoRunKept]

/** Goes on with the run that a command started when it was cut off, or runs the command if that is not possible. */
const resumeOrRun = <E, R>(
  runCommand: (words: ReadonlyArray<string>) => Effect.Effect<void, E, R>,
  words: ReadonlyArray<string>,
  { mustResume = false, resumes }: { readonly mustResume?: boolean; readonly resumes?: string }
): Effect.Effect<void, E, R> => {
  if (resumes === undefined) return runCommand(words)
  return Effect.catch(runCommand(["resume", resumes, "--json"]), (error) => {
    // The process that went on with it was cut off, too, before `jiji serve` learnt its run.
    if (error instanceof RunResumedBefore) return resumeOrRun(runCommand, words, { mustResume, resumes: error.by })
    // It was killed, or `jiji serve` was, after its last event.
    if (error instanceof RunNotResumable && error.why === "succeeded") return Effect.void
    const canStartAgain = !mustResume && notResumable.some((type) => error instanceof type)
    return canStartAgain ? runCommand(words) : Effect.fail(error)
  })
}

/**
 * Does one job for `jiji serve`: what it is comes as a line of JSON on stdin. `runCommand` runs a command as the command line
 * does. Ends when stdin does, since then nobody follows the run any more.
 */
export const work = Effect.fnUntraced(function* <E, R>(
  runCommand: (words: ReadonlyArray<string>) => Effect.Effect<void, E, R>
) {
  const write = (line: object) => Effect.ignore(writeStdoutFully(jsonLine(line)))
  reserveStdout()
  const lines = yield* Queue.unbounded<string>()
  const isAlone = yield* Deferred.make<void>()
  let hasJob = false
  readStdin(
    (line) => void Queue.offerUnsafe(lines, line),
    () => {
      Deferred.doneUnsafe(isAlone, Exit.void)
      // As Ctrl-C does: the run undoes its steps.
      if (hasJob) process.kill(process.pid, "SIGTERM")
    }
  )
  const first = yield* Effect.raceFirst(Queue.take(lines), Effect.as(Deferred.await(isAlone), undefined))
  if (first === undefined) return
  const job = yield* Effect.orDie(decodeJob(first))
  yield* changeFolder(job.folder)
  if (job._tag === "Inspect") {
    yield* registerModules
    const answerAll = Effect.gen(function* () {
      while (true) {
        const question = decodeQuestion(yield* Queue.take(lines))
        if (question._tag === "Some") yield* write(yield* answer(job.folder, question.value))
      }
    })
    return yield* Effect.raceFirst(answerAll, Deferred.await(isAlone))
  }
  hasJob = true
  // A run that is stuck must be noticed although stdin stays open.
  process.stdin.unref()
  const { text } = yield* Scrubber
  yield* resumeOrRun(runCommand, withJson(job.words), job).pipe(
    Effect.provideService(WhenWaiting, job.whenWaiting),
    Effect.tapCause((cause) =>
      Cause.hasInterruptsOnly(cause) ? Effect.void : write({ _tag: "WorkerFailed", ...exitReport(cause, text) })
    )
  )
})
