import { Cause, Data } from "effect"
import { CliError } from "effect/cli"
import { ConfigInvalid } from "../../config/Problem.ts"
import { ExitCode, isFailure } from "../../core/Failure.ts"
import { separatorHint } from "../exec/CommandWords.ts"
import { prefixLines } from "../messages.ts"
import { isRemoteFlag } from "../remote/remoteFlags.ts"
import { PipelineNotCompiled, PipelineThrew } from "../pipelines/PipelineFileError.ts"
import { failureRecords } from "../../core/failureRecords.ts"

/** A command that jiji ran for a person has exited with a code other than 0: jiji exits with it, and has nothing to add. */
export class CommandExited extends Data.TaggedClass("CommandExited")<{ readonly code: number }> {}

/** How a command ended: the text for stderr, and the exit code. */
interface ExitReport {
  readonly text: string
  readonly code: number
}

/** One error, and its location in a file: relative to the current folder; line 0 if it is unknown. */
interface ErrorDetail {
  readonly message: string
  readonly remedy?: string
  readonly location?: { readonly file: string; readonly line: number }
}

const helpHint = (path: ReadonlyArray<string>): string =>
  `See: ${["jiji", ...path.filter((name) => name !== "jiji"), "--help"].join(" ")}`

/** What to do about a wrong command line. */
const usageRemedy = ({ commandPath, errors }: CliError.ShowHelp): string => {
  const words = errors.flatMap((error) => {
    if (error._tag === "UnexpectedArgument") return error.arguments
    return error._tag === "UnrecognizedOption" ? [error.option] : []
  })
  const path = commandPath.filter((name) => name !== "jiji")
  // They are left to pipelines and aliases.
  const flag = words.find(isRemoteFlag)
  if (flag !== undefined) return `Put ${flag} before the command: jiji ${flag} … ${path.join(" ")}`
  return (words.length === 0 ? undefined : separatorHint(path, words)) ?? helpHint(commandPath)
}

const usageReport = (error: CliError.CliError, scrub: (text: string) => string): ExitReport => {
  if (error._tag !== "ShowHelp") return { text: `error: ${scrub(error.message)}\n`, code: ExitCode.usage }
  if (error.errors.length === 0) return { text: "", code: ExitCode.done }
  const lines = error.errors.map(({ message }) => `error: ${scrub(message)}\n`)
  return { text: `${lines.join("")}  → ${scrub(usageRemedy(error))}\n`, code: ExitCode.usage }
}

const errorsOf = (cause: Cause.Cause<unknown>): ReadonlyArray<unknown> =>
  cause.reasons.flatMap((reason) => (Cause.isFailReason(reason) ? [reason.error] : []))

/** The details of an error that has locations in files. */
const locatedErrors = (error: unknown): ReadonlyArray<ErrorDetail> => {
  if (error instanceof ConfigInvalid) {
    return error.problems.map(({ file, line, message, path }) => ({
      message: path === "" ? message : `${path}: ${message}`,
      location: { file, line }
    }))
  }
  const faults =
    error instanceof PipelineNotCompiled ? error.faults : error instanceof PipelineThrew ? [error.fault] : []
  return faults.map(({ text, ...location }) => ({ message: text, location }))
}

/** The errors of a failed command, one by one. */
export const errorDetails = (cause: Cause.Cause<unknown>): ReadonlyArray<ErrorDetail> => {
  if (Cause.hasInterruptsOnly(cause)) return []
  const errors = errorsOf(cause)
  if (errors.some((error) => error instanceof CommandExited)) return []
  const cli = errors.find((error) => CliError.isCliError(error))
  if (cli?._tag === "ShowHelp") {
    return cli.errors.map(({ message }) => ({ message, remedy: usageRemedy(cli) }))
  }
  if (cli !== undefined) return [{ message: cli.message }]
  const located = errors.flatMap(locatedErrors)
  return located.length > 0 ? located : failureRecords(cause)
}

/**
 * The report of a failed or interrupted command. If servers failed with different exit codes, its code is 1. `scrub` removes
 * secrets from the errors; jiji's own words around them stay.
 */
export const exitReport = (
  cause: Cause.Cause<unknown>,
  scrub: (text: string) => string = (text) => text
): ExitReport => {
  if (Cause.hasInterruptsOnly(cause)) return { text: "interrupted\n", code: ExitCode.interrupted }
  const errors = errorsOf(cause)
  const exited = errors.find((error) => error instanceof CommandExited)
  if (exited !== undefined) return { text: "", code: exited.code }
  const cli = errors.find((error) => CliError.isCliError(error))
  if (cli !== undefined) return usageReport(cli, scrub)
  const codes = new Set(errors.map((error) => (isFailure(error) ? error.exitCode : ExitCode.failed)))
  const texts = failureRecords(cause).map(
    // Editors and CI systems expect a location in deploy.yml at the start of a line.
    ({ message, remedy, tag }) =>
      `${prefixLines("error: ", scrub(message), tag === "ConfigInvalid" ? "" : undefined)}${prefixLines("  → ", scrub(remedy))}`
  )
  return { text: [...new Set(texts)].join(""), code: codes.size === 1 ? ([...codes][0] ?? 1) : ExitCode.failed }
}
