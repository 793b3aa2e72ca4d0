import { appendFileSync } from "node:fs"
import { relative, resolve } from "node:path"
import { type Cause, Context, Effect } from "effect"
import type { Project } from "../config/Project.ts"
import { annotations } from "../reporters/github/annotations.ts"
import { workflowCommand, type FileLocation, withRemedy } from "../reporters/github/workflowCommand.ts"
import { endSummary, jobSummary } from "../reporters/github/jobSummary.ts"
import { feed, type Follower, type Output } from "../reporters/Reporter.ts"
import { warning } from "./messages.ts"
import { ending, mistakesOf } from "./process/exit.ts"
import type { Shown } from "./RunLayers.ts"

/** Whether this process is a part of a workflow on GitHub. */
export const OnGitHub = Context.Reference<boolean>("jiji/cli/OnGitHub", { defaultValue: () => false })

export const isOnGitHub = ({ GITHUB_ACTIONS }: NodeJS.ProcessEnv): boolean => GITHUB_ACTIONS === "true"

/** A warning for stderr, as what a workflow takes for one too where it is part of that. */
export const warned = (onGitHub: boolean, text: string, remedy?: string): string =>
  `${onGitHub ? workflowCommand("warning", withRemedy(text, remedy)) : ""}${warning(text, remedy)}`

/** What a workflow on GitHub is told besides of runs, and of how this process ended. */
export interface Workflow {
  readonly followers: (project: Project, shown: Shown) => ReadonlyArray<Follower>
  /** Tells what the process ended in, as far as no run has told it. */
  readonly ended: (cause: Cause.Cause<unknown>) => Effect.Effect<void>
}

/** What it is told with. */
export interface WorkflowEnds {
  readonly env: NodeJS.ProcessEnv
  readonly output: Pick<Output, "write">
  /** Takes what is for stderr. */
  readonly say: (text: string) => void
  /** Makes what is said of a run that has ended fit to be read. */
  readonly clean: (text: string) => string
}

/** Where a file is that is named from the current folder, as GitHub looks for it. */
const placeIn = (
  { GITHUB_WORKSPACE: root = "" }: NodeJS.ProcessEnv,
  { file, line }: Required<FileLocation>
): FileLocation => {
  const inside = relative(root === "" ? process.cwd() : root, resolve(file))
  return { file: inside.startsWith("..") ? resolve(file) : inside, ...(line > 0 && { line }) }
}

export const workflow = ({ clean, env, output, say }: WorkflowEnds): Workflow => {
  if (!isOnGitHub(env)) return { followers: () => [], ended: () => Effect.void }
  const { GITHUB_STEP_SUMMARY: file = "" } = env
  /** The messages of failures that runs have told. */
  const told = new Set<string>()
  const append = (text: string) =>
    Effect.try({
      try: () => appendFileSync(file, text),
      catch: (cause) => String(cause instanceof Error && "code" in cause ? cause.code : cause)
    }).pipe(
      Effect.catch((why) => {
        const remedy =
          "GITHUB_STEP_SUMMARY names it: let it be a file that is there where jiji runs, and can be written to."
        return Effect.sync(() => say(warned(true, `The job's summary cannot be written to ${file} (${why}).`, remedy)))
      })
    )
  return {
    followers: ({ environment, name }, { json }) => [
      // Of JSON lines nothing else is to be on stdout; GitHub reads both.
      feed(annotations(json ? { write: say } : output, told)),
      ...(file === "" ? [] : [jobSummary(append, { project: name, ...(environment !== undefined && { environment }) })])
    ],
    ended: (cause) =>
      Effect.suspend(() => {
        const left = mistakesOf(cause).filter(({ message }) => !told.has(clean(message)))
        const said = left.map(({ message, place, remedy }) => ({
          text: clean(message),
          remedy: remedy === undefined ? undefined : clean(remedy),
          ...(place !== undefined && { place: placeIn(env, place) })
        }))
        say(said.map(({ place, remedy, text }) => workflowCommand("error", withRemedy(text, remedy), place)).join(""))
        return left.length === 0 || file === "" ? Effect.void : append(endSummary(ending(cause).code, said))
      })
  }
}
