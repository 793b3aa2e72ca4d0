import { Schema } from "effect"
import { defineError } from "../core/defineError.ts"
import { joinWords, plural } from "../core/text.ts"

/** No run of the project can be resumed. */
export class NothingToResume extends defineError<NothingToResume>()("NothingToResume", {
  fields: { project: Schema.String, pipeline: Schema.optionalKey(Schema.String) },
  message: (e) =>
    `There is no ${e.pipeline === undefined ? "" : `${e.pipeline} `}run of ${e.project} to resume: none has failed or was stopped.`,
  remedy: "`jiji runs` lists all runs.",
  exitCode: "usage",
  sample: { project: "shop" }
}) {}

const reasons = {
  succeeded: { text: "it has succeeded", remedy: "Start a new run." },
  running: { text: "it is still running", remedy: "Wait until it ends, or stop it first." },
  resuming: { text: "another process is resuming it", remedy: "Wait for that process: `jiji runs` lists its run." },
  command: {
    text: "its command cannot be resumed",
    remedy:
      "Run the command again. `jiji deploy`, `jiji run`, `jiji remove`, `jiji start`, `jiji stop` and `jiji restart` can be resumed."
  }
} as const

/** A run cannot be resumed. */
export class RunNotResumable extends defineError<RunNotResumable>()("RunNotResumable", {
  fields: { id: Schema.String, why: Schema.Literals(["succeeded", "running", "resuming", "command"]) },
  message: (e) => `Cannot resume run ${e.id}: ${reasons[e.why].text}.`,
  remedy: (e) => reasons[e.why].remedy,
  exitCode: "usage",
  sample: { id: "mf3k2a9c-7q1x", why: "running" }
}) {}

/** A run was resumed before. */
export class RunResumedBefore extends defineError<RunResumedBefore>()("RunResumedBefore", {
  fields: { id: Schema.String, by: Schema.String },
  message: (e) => `Run ${e.id} was resumed before, as run ${e.by}.`,
  remedy: (e) => `If that run did not succeed, resume it: \`jiji resume ${e.by}\`.`,
  exitCode: "usage",
  sample: { id: "mf3k2a9c-7q1x", by: "mf3k5d1e-02ab" }
}) {}

const maxChanges = 8

/** The project or the pipeline has changed since the run began. */
export class RunChanged extends defineError<RunChanged>()("RunChanged", {
  fields: { id: Schema.String, project: Schema.Array(Schema.String), pipeline: Schema.Array(Schema.String) },
  message: (e) => {
    const shorten = (all: ReadonlyArray<string>) =>
      all.length <= maxChanges
        ? joinWords(all)
        : `${all.slice(0, maxChanges).join(", ")} and ${plural(all.length - maxChanges, "other")}`
    const parts = [
      ...(e.project.length > 0 ? [`the configuration (${shorten(e.project)})`] : []),
      ...(e.pipeline.length > 0 ? [`the pipeline (${shorten(e.pipeline)})`] : [])
    ]
    return `Since run ${e.id} began, ${joinWords(parts)} has changed.`
  },
  remedy:
    "Start a new run, or use --ignore-changes: finished steps then keep their results, and the others run as they are now.",
  exitCode: "usage",
  sample: { id: "mf3k2a9c-7q1x", project: ["services.web.ports[0]"], pipeline: ["added release/smoke"] }
}) {}

/** The folder in which a run was started is gone. */
export class RunFolderGone extends defineError<RunFolderGone>()("RunFolderGone", {
  fields: { id: Schema.String, folder: Schema.String },
  message: (e) => `Cannot resume run ${e.id}: its folder ${e.folder} does not exist.`,
  remedy: "Restore the folder, or start a new run.",
  exitCode: "usage",
  sample: { id: "mf3k2a9c-7q1x", folder: "/home/me/shop" }
}) {}

/** A signal is for a run that has ended. */
export class RunEnded extends defineError<RunEnded>()("RunEnded", {
  fields: { id: Schema.String },
  message: (e) => `Run ${e.id} has succeeded, so no step of it waits for a signal.`,
  remedy: "`jiji runs` lists the runs that are still running.",
  exitCode: "usage",
  sample: { id: "mf3k2a9c-7q1x" }
}) {}
