import { appendFileSync } from "node:fs"
import { relative, resolve } from "node:path"
import { type Cause, Context, Effect } from "effect"
import type { Project } from "../config/Project.ts"
import { ownEvents } from "../core/runEvents.ts"
import { annotations } from "../reporters/github/annotations.ts"
import { endSummary, jobSummary } from "../reporters/github/jobSummary.ts"
import { type FileLocation, withRemedy, workflowCommand } from "../reporters/github/workflowCommand.ts"
import { feed, type Follower, type Output } from "../reporters/Reporter.ts"
import { warningText } from "./messages.ts"
import { errorDetails, exitReport } from "./process/exit.ts"
import { systemErrorReason } from "../core/systemError.ts"
import { writeStderrSync } from "./process/stderr.ts"
import type { OutputOptions } from "./RunLayers.ts"

/** Whether jiji runs in a GitHub workflow. */
export const OnGitHub = Context.Reference<boolean>("jiji/cli/OnGitHub", { defaultValue: () => false })

export const isOnGitHub = ({ GITHUB_ACTIONS }: NodeJS.ProcessEnv): boolean => GITHUB_ACTIONS === "true"

/** A warning for stderr. In a GitHub workflow it is an annotation too. */
export const formatWarning = (onGitHub: boolean, text: string, remedy?: string): string =>
  `${onGitHub ? workflowCommand("warning", withRemedy(text, remedy)) : ""}${warningText(text, remedy)}`

/** Annotations and the job summary of a GitHub workflow. Does nothing elsewhere. */
export interface GitHubWorkflow {
  readonly followers: (
    project: Pick<Project, "environment" | "name">,
    options: OutputOptions
  ) => ReadonlyArray<Follower>
  /** Reports the errors that jiji exits with, unless a run has reported them. */
  readonly reportExit: (cause: Cause.Cause<unknown>) => Effect.Effect<void>
}

interface GitHubWorkflowOptions {
  readonly env: NodeJS.ProcessEnv
  readonly output: Pick<Output, "write">
  /** Removes secrets. */
  readonly scrub: (text: string) => string
}

/** A location relative to the workspace, as GitHub expects it; the file is named from the current folder. */
const workspaceLocation = (
  { GITHUB_WORKSPACE: root = "" }: NodeJS.ProcessEnv,
  { file, line }: Required<FileLocation>
): FileLocation => {
  const inside = relative(root === "" ? process.cwd() : root, resolve(file))
  return { file: inside.startsWith("..") ? resolve(file) : inside, ...(line > 0 && { line }) }
}

export const gitHubWorkflow = ({ env, output, scrub }: GitHubWorkflowOptions): GitHubWorkflow => {
  if (!isOnGitHub(env)) return { followers: () => [], reportExit: () => Effect.void }
  const { GITHUB_STEP_SUMMARY: file = "" } = env
  /** The messages of errors that runs have reported. */
  const reported = new Set<string>()
  const append = (text: string) =>
    Effect.try({
      try: () => appendFileSync(file, text),
      catch: (cause) =>
        `${systemErrorReason(cause)} (${cause instanceof Error && "code" in cause ? cause.code : cause})`
    }).pipe(
      Effect.catch((reason) => {
        const remedy = "Set GITHUB_STEP_SUMMARY to a file that exists where jiji runs and that it can write to."
        const warning = formatWarning(true, `Cannot write the job summary to ${file}: ${reason}.`, remedy)
        return Effect.sync(() => writeStderrSync(warning))
      })
    )
  return {
    followers: ({ environment, name }, { json }) => [
      // GitHub reads both streams, and with --json only events may be on stdout.
      feed(annotations(json ? { write: writeStderrSync } : output, reported), ownEvents),
      ...(file === "" ? [] : [jobSummary(append, { project: name, ...(environment !== undefined && { environment }) })])
    ],
    reportExit: (cause) =>
      Effect.suspend(() => {
        const errors = errorDetails(cause)
          .map(({ location, message, remedy }) => ({
            text: scrub(message),
            remedy: remedy === undefined ? undefined : scrub(remedy),
            ...(location !== undefined && { location: workspaceLocation(env, location) })
          }))
          .filter(({ text }) => !reported.has(text))
        const commands = errors.map(({ location, remedy, text }) =>
          workflowCommand("error", withRemedy(text, remedy), location)
        )
        writeStderrSync(commands.join(""))
        return errors.length === 0 || file === "" ? Effect.void : append(endSummary(exitReport(cause).code, errors))
      })
  }
}
