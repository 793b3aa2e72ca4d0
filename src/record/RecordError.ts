import { PlatformError, Schema, Struct } from "effect"
import { dirname } from "node:path"
import { accessDenied, defineError } from "../core/defineError.ts"
import { systemErrorReason, systemErrorRemedy, systemErrorText } from "../core/systemError.ts"

const history = "/home/me/.local/state/jiji/runs.sqlite"

const problems = {
  busy: { text: "other runs are writing to it", remedy: "Try again." },
  damaged: { text: "the file is corrupted", remedy: "Move the file away: the next run starts a new one." },
  denied: {
    text: "your user may not write to it",
    remedy: "Give the file and its folder to your user, or set XDG_STATE_HOME to another folder."
  },
  failed: {
    text: "opening or writing the file failed",
    remedy: "Check the file and its folder. If you move the file away, the next run starts a new one."
  },
  foreign: {
    text: "the file and its folder must belong to your user, and must not be links",
    remedy: "Move away what is there: the next run starts a new file. Or set XDG_STATE_HOME to another folder."
  },
  full: { text: "the disk is full", remedy: "Free up space on that disk." },
  newer: {
    text: "a newer version of jiji wrote it",
    remedy: "Use that version of jiji, or set XDG_STATE_HOME to another folder."
  }
} as const

/** The system's error, if it refused an operation on the file or its folder. */
const reason = Schema.optionalKey(Schema.Defect())

/** The history of this machine's runs cannot be read or written. */
export class RecordUnusable extends defineError<RecordUnusable>()("RecordUnusable", {
  fields: { file: Schema.String, why: Schema.Literals(Struct.keys(problems)), detail: Schema.String, reason },
  message: (e) =>
    e.reason === undefined
      ? `Cannot ${e.why === "damaged" || e.why === "newer" ? "read" : "use"} the run history in ${e.file}: ${problems[e.why].text}${e.detail === "" ? "" : ` (${e.detail})`}.`
      : `Cannot use the run history in ${e.file}: ${systemErrorText(e.reason, e.file)}.`,
  remedy: (e) =>
    e.reason === undefined
      ? problems[e.why].remedy
      : `${systemErrorRemedy(e.reason, e.file)} Or set XDG_STATE_HOME to another folder.`,
  exitCode: (e) => (e.why === "denied" || e.why === "foreign" ? "permission" : "failed"),
  sample: [
    { file: history, why: "damaged", detail: "file is not a database" },
    { file: history, why: "denied", detail: "", reason: accessDenied(history) }
  ]
}) {}

/** The run history is empty. */
export class NoRunKept extends defineError<NoRunKept>()("NoRunKept", {
  fields: { file: Schema.String },
  message: (e) => `The run history in ${e.file} is empty.`,
  remedy: "jiji records every run except dry runs and `jiji doctor`: start one with `jiji deploy`.",
  exitCode: "usage",
  sample: { file: history }
}) {}

/** No run in the history has this ID. */
export class RunNotFound extends defineError<RunNotFound>()("RunNotFound", {
  fields: { id: Schema.String, nearest: Schema.optionalKey(Schema.String) },
  message: (e) => `No run in the history has an ID that starts with "${e.id}".`,
  remedy: (e) => `${e.nearest === undefined ? "" : `Did you mean ${e.nearest}? `}\`jiji runs\` lists all runs.`,
  exitCode: "usage",
  sample: { id: "mf3k2b", nearest: "mf3k2a9c-7q1x" }
}) {}

/** Several run IDs start with these characters. */
export class RunAmbiguous extends defineError<RunAmbiguous>()("RunAmbiguous", {
  fields: { id: Schema.String, some: Schema.Array(Schema.String), count: Schema.Int },
  message: (e) =>
    `The IDs of ${e.count} runs start with "${e.id}": ${e.some.join(", ")}${e.count > e.some.length ? ", …" : ""}.`,
  remedy: "Type more characters of the ID.",
  exitCode: "usage",
  sample: { id: "mf3k", some: ["mf3k2a9c-7q1x", "mf3k19d0-02ab"], count: 2 }
}) {}

/** A run has no artifact of this name. */
export class ArtifactNotFound extends defineError<ArtifactNotFound>()("ArtifactNotFound", {
  fields: { run: Schema.String, name: Schema.String, names: Schema.Array(Schema.String) },
  message: (e) => `The run ${e.run} has no artifact ${JSON.stringify(e.name)}.`,
  remedy: (e) =>
    e.names.length === 0 ? "This run has none. `jiji runs` lists all runs." : `It has: ${e.names.join(", ")}.`,
  exitCode: "usage",
  sample: { run: "mf3k2a9c-7q1x", name: "report", names: ["report.html"] }
}) {}

/** An artifact cannot be copied to a file. */
export class ArtifactNotWritten extends defineError<ArtifactNotWritten>()("ArtifactNotWritten", {
  fields: { file: Schema.String, reason: Schema.Defect() },
  message: (e) => `Cannot write ${e.file}: ${systemErrorText(e.reason, e.file)}.`,
  remedy: "Choose another file with --output: jiji does not replace one.",
  exitCode: "failed",
  sample: { file: "report.html", reason: accessDenied("report.html") }
}) {}

/** The file for a page already holds something else. */
export class PageTaken extends defineError<PageTaken>()("PageTaken", {
  fields: { file: Schema.String },
  message: (e) => `${e.file} already exists and is not a page of a run.`,
  remedy: "Choose another name: jiji overwrites only its own pages.",
  exitCode: "usage",
  sample: { file: "notes.html" }
}) {}

/** jiji writes a temporary file beside the page first, which no message needs to name. */
const whyNot = (file: string, error: PlatformError.PlatformError): string =>
  error.reason._tag === "NotFound" ? `the folder ${dirname(file)} does not exist` : systemErrorReason(error)

/** The page of a run cannot be written to its file. */
export class PageNotWritten extends defineError<PageNotWritten>()("PageNotWritten", {
  fields: { file: Schema.String, reason: Schema.instanceOf(PlatformError.PlatformError) },
  message: (e) => `Cannot write the page of the run to ${e.file}: ${whyNot(e.file, e.reason)}.`,
  remedy: (e) =>
    e.reason.reason._tag === "NotFound"
      ? "Choose a file in an existing folder that your user may write to, or `-` for standard output."
      : `${systemErrorRemedy(e.reason, e.file)} Or choose another file, or \`-\` for standard output.`,
  exitCode: "failed",
  sample: { file: "/srv/run.html", reason: accessDenied("/srv/run.html") }
}) {}
