import { Cause } from "effect"
import { CliError } from "effect/cli"
import { ExitCode, isFailure } from "../pipeline/Failure.ts"
import { failureRecords } from "../pipeline/run.ts"
import { block } from "./block.ts"

/** What a command ended in, for its user: the texts for stderr, and the exit code. */
export interface Ending {
  readonly text: string
  readonly code: number
}

const usage = (error: CliError.CliError): Ending => {
  if (error._tag !== "ShowHelp") return { text: `error: ${error.message}\n`, code: ExitCode.usage }
  if (error.errors.length === 0) return { text: "", code: ExitCode.done }
  const lines = error.errors.map(({ message }) => `error: ${message}\n`)
  const help = ["jiji", ...error.commandPath.filter((name) => name !== "jiji"), "--help"].join(" ")
  return { text: `${lines.join("")}  → See: ${help}\n`, code: ExitCode.usage }
}

/** Reads how a command ended. Where several servers failed in different ways, the code is 1. */
export const ending = (cause: Cause.Cause<unknown>): Ending => {
  if (Cause.hasInterruptsOnly(cause)) return { text: "interrupted\n", code: ExitCode.interrupted }
  const errors = cause.reasons.flatMap((reason) => (Cause.isFailReason(reason) ? [reason.error] : []))
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
