import { Context, Effect } from "effect"
import type { ClaimedRun } from "../record/resume.ts"

/** The words of this command line after aliases, so that its run can be resumed. Undefined outside of a command line. */
export const CommandLine = Context.Reference<ReadonlyArray<string> | undefined>("jiji/cli/CommandLine", {
  defaultValue: () => undefined
})

/** Runs the words of a command line in this process. */
export const RunWords = Context.Reference<(words: ReadonlyArray<string>) => Effect.Effect<void, unknown>>(
  "jiji/cli/RunWords",
  { defaultValue: () => () => Effect.die(new Error("There is no command line.")) }
)

/** A run that this process goes on with. */
interface ResumedRun extends ClaimedRun {
  /** Whether to go on although the project or the pipeline has changed. */
  readonly ignoreChanges: boolean
  readonly json: boolean
}

/** The run that this process goes on with, if any. It was confirmed when it began. */
export const Resuming = Context.Reference<ResumedRun | undefined>("jiji/cli/Resuming", {
  defaultValue: () => undefined
})
