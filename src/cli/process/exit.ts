import { Cause } from "effect"
import { CliError } from "effect/cli"
import { ConfigInvalid } from "../../config/Problem.ts"
import { ExitCode, isFailure } from "../../core/Failure.ts"
import { block } from "../messages.ts"
import { PipelineNotCompiled, PipelineThrew } from "../pipelines/PipelineFileError.ts"
import { failureRecords } from "../../core/failureRecords.ts"

/** What a command ended in, for its user: the texts for stderr, and the exit code. */
export interface Ending {
  readonly text: string
  readonly code: number
}

/** One thing that is wrong, and where in a file: named from the current folder, with the line, or 0. */
export interface Mistake {
  readonly message: string
  readonly remedy?: string
  readonly place?: { readonly file: string; readonly line: number }
}

const help = (path: ReadonlyArray<string>): string =>
  `See: ${["jiji", ...path.filter((name) => name !== "jiji"), "--help"].join(" ")}`

const usage = (error: CliError.CliError): Ending => {
  if (error._tag !== "ShowHelp") return { text: `error: ${error.message}\n`, code: ExitCode.usage }
  if (error.errors.length === 0) return { text: "", code: ExitCode.done }
  const lines = error.errors.map(({ message }) => `error: ${message}\n`)
  return { text: `${lines.join("")}  → ${help(error.commandPath)}\n`, code: ExitCode.usage }
}

const errorsOf = (cause: Cause.Cause<unknown>): ReadonlyArray<unknown> =>
  cause.reasons.flatMap((reason) => (Cause.isFailReason(reason) ? [reason.error] : []))

/** Those of an error that has places in files to name. */
const placed = (error: unknown): ReadonlyArray<Mistake> => {
  if (error instanceof ConfigInvalid) {
    return error.problems.map(({ file, line, message, path }) => ({
      message: path === "" ? message : `${path}: ${message}`,
      place: { file, line }
    }))
  }
  const faults =
    error instanceof PipelineNotCompiled ? error.faults : error instanceof PipelineThrew ? [error.fault] : []
  return faults.map(({ text, ...place }) => ({ message: text, place }))
}

/** What a command ended in, each thing by itself. */
export const mistakesOf = (cause: Cause.Cause<unknown>): ReadonlyArray<Mistake> => {
  if (Cause.hasInterruptsOnly(cause)) return []
  const errors = errorsOf(cause)
  const cli = errors.find((error) => CliError.isCliError(error))
  if (cli?._tag === "ShowHelp") {
    return cli.errors.map(({ message }) => ({ message, remedy: help(cli.commandPath) }))
  }
  if (cli !== undefined) return [{ message: cli.message }]
  const found = errors.flatMap(placed)
  return found.length > 0 ? found : failureRecords(cause)
}

/** Reads how a command ended. Where several servers failed in different ways, the code is 1. */
export const ending = (cause: Cause.Cause<unknown>): Ending => {
  if (Cause.hasInterruptsOnly(cause)) return { text: "interrupted\n", code: ExitCode.interrupted }
  const errors = errorsOf(cause)
  const cli = errors.find((error) => CliError.isCliError(error))
  if (cli !== undefined) return usage(cli)
  const codes = new Set(errors.map((error) => (isFailure(error) ? error.exitCode : ExitCode.failed)))
  const texts = failureRecords(cause).map(
    // Editors and CI look for a mistake of deploy.yml at the beginning of a line.
    ({ message, remedy, tag }) =>
      `${block("error: ", message, tag === "ConfigInvalid" ? "" : undefined)}${block("  → ", remedy)}`
  )
  return { text: [...new Set(texts)].join(""), code: codes.size === 1 ? ([...codes][0] ?? 1) : ExitCode.failed }
}
