import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { jsonFlag } from "../flags.ts"
import { loadProject } from "../loadProject.ts"
import { resumeRun } from "../resumeRun.ts"

/** Goes on although something has changed. */
const ignoreChangesFlag = Flag.Boolean("ignore-changes").pipe(
  Flag.withDescription("Resume although deploy.yml or the pipeline has changed since the run began"),
  Flag.withDefault(false)
)

/** `jiji resume`. */
export const command = Command.make(
  "resume",
  {
    run: Argument.String("run").pipe(
      Argument.withDescription("Run ID, or the start of one (default: the project's last run that did not succeed)"),
      Argument.optional
    ),
    ignoreChanges: ignoreChangesFlag,
    json: jsonFlag
  },
  Effect.fnUntraced(function* ({ ignoreChanges, json, run }) {
    const wanted = Option.isSome(run) ? { id: run.value } : { project: (yield* loadProject({})).name }
    yield* resumeRun(wanted, { ignoreChanges, json })
  })
).pipe(
  Command.withDescription("Go on with a run that failed or was stopped: finished steps do not run again"),
  Command.withExamples([
    { command: "jiji resume", description: "Go on with the project's last run, as it was started" },
    { command: "jiji resume mf3k", description: "Go on with another run; `jiji runs` lists them" }
  ])
)
