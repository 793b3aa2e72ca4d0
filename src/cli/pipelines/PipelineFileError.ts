import { Schema, Struct } from "effect"
import { faultRemedy, FileFault, faultText } from "../../config/regularFile.ts"
import { suggest } from "../../config/suggest.ts"
import { defineError } from "../../core/defineError.ts"
import { joinWords } from "../../core/text.ts"

/** A mistake in a file. */
export const Fault = Schema.Struct({
  file: Schema.String,
  /** Counted from 1; 0 if unknown. */
  line: Schema.Int,
  text: Schema.String
})
export type Fault = typeof Fault.Type

const shown = ({ file, line, text }: Fault): string => `${line === 0 ? file : `${file}:${line}`} ${text}`

// Shared by the samples.
const file = "pipelines/canary.ts"

/** There is no pipeline with this name, or no such file. */
export class PipelineNotFound extends defineError<PipelineNotFound>()("PipelineNotFound", {
  fields: {
    file: Schema.String,
    /** The name, if the user gave a name and not a file. */
    wanted: Schema.optionalKey(Schema.String),
    /** Whether a built-in pipeline has this name. */
    own: Schema.optionalKey(Schema.Boolean),
    known: Schema.Array(Schema.String)
  },
  message: (e) => {
    if (e.wanted === undefined) return `The file ${e.file} does not exist.`
    return e.own === true
      ? `${e.wanted} is a built-in pipeline: ${e.file} does not exist.`
      : `There is no pipeline ${e.wanted}: ${e.file} does not exist.`
  },
  remedy: (e) => {
    if (e.own === true) return `Run \`jiji ${e.wanted}\`.`
    const near = e.wanted === undefined ? undefined : suggest(e.wanted, e.known)
    if (near !== undefined) return `Did you mean \`jiji run ${near}\`?`
    return e.known.length === 0
      ? "Name a file such as ./pipelines/canary.ts, or add a pipeline to .jiji/pipelines."
      : `Name a file, or a pipeline in .jiji/pipelines: ${joinWords(e.known, "or")}.`
  },
  exitCode: "usage",
  sample: { file: ".jiji/pipelines/canry.ts", wanted: "canry", known: ["canary"] }
}) {}

/** The pipeline's file exists, but cannot be read. */
export class PipelineUnreadable extends defineError<PipelineUnreadable>()("PipelineUnreadable", {
  fields: { file: Schema.String, reason: FileFault },
  message: (e) => `${e.file} ${faultText(e.reason)}`,
  remedy: (e) => faultRemedy(e.reason, "a TypeScript file"),
  exitCode: "usage",
  sample: { file: "pipelines", reason: "folder" }
}) {}

/** The pipeline's file, or a file that it imports, has a syntax error or an import that does not exist. */
export class PipelineNotCompiled extends defineError<PipelineNotCompiled>()("PipelineNotCompiled", {
  fields: { faults: Schema.NonEmptyArray(Fault) },
  message: (e) => e.faults.map(shown).join("\n"),
  remedy: "Fix these lines; `tsc --noEmit` shows type errors too.",
  exitCode: "configuration",
  sample: { faults: [{ file, line: 12, text: "Expected ) but found }" }] }
}) {}

/** The pipeline's file threw an error when jiji imported it. */
export class PipelineThrew extends defineError<PipelineThrew>()("PipelineThrew", {
  fields: { fault: Fault, advice: Schema.optionalKey(Schema.String) },
  message: (e) => shown(e.fault),
  remedy: (e) => e.advice ?? "Move everything that can fail into a step: a pipeline file only defines the pipeline.",
  exitCode: "configuration",
  sample: { fault: { file, line: 12, text: "Two nodes have the path canary/smoke." }, advice: "Rename one of them." }
}) {}

/** The import of the pipeline's file does not finish. */
export class PipelineStuck extends defineError<PipelineStuck>()("PipelineStuck", {
  fields: { file: Schema.String, seconds: Schema.Int },
  message: (e) => `${e.file} took longer than ${e.seconds} s to import: it waits for something, or never ends.`,
  remedy: "Look for an `await` outside of functions, and move slow work into a step.",
  exitCode: "configuration",
  sample: { file, seconds: 10 }
}) {}

/** The pipeline's file ended the process when jiji imported it. */
export class PipelineExited extends defineError<PipelineExited>()("PipelineExited", {
  fields: { file: Schema.String, status: Schema.Int },
  message: (e) => `${e.file} ended jiji with exit code ${e.status} before the run started.`,
  remedy: "Remove `process.exit` from it. To report an error, let a step fail with `Effect.fail`.",
  exitCode: "configuration",
  sample: { file, status: 0 }
}) {}

/** An export that could be the default one: a pipeline, or the result of `Runnable.make`. */
const Export = Schema.Struct({ name: Schema.String, isRunnable: Schema.Boolean })

/** The pipeline's file has no default export, or its default export is not a pipeline. */
export class NoPipeline extends defineError<NoPipeline>()("NoPipeline", {
  fields: { file: Schema.String, found: Schema.optionalKey(Schema.String), others: Schema.Array(Export) },
  message: (e) =>
    e.found === undefined
      ? `${e.file} has no default export.`
      : `The default export of ${e.file} is ${e.found}, not a pipeline.`,
  remedy: ({ others: [other] }) =>
    other?.isRunnable === true
      ? `Write \`export default ${other.name}\`.`
      : `Write \`export default Runnable.make({ description: "…", pipeline${other === undefined ? "" : `: ${other.name}`} })\`, with \`Runnable\` from "jiji".`,
  exitCode: "configuration",
  sample: { file, found: "a step", others: [{ name: "canary", isRunnable: false }] }
}) {}

/** The pipeline's file imports a different copy of jiji from the one that runs it. */
export class PipelineOfAnotherCopy extends defineError<PipelineOfAnotherCopy>()("PipelineOfAnotherCopy", {
  fields: { file: Schema.String, theirs: Schema.String, ours: Schema.String },
  message: (e) =>
    e.theirs === e.ours
      ? `${e.file} imports a different copy of jiji ${e.ours} from the one that is running.`
      : `${e.file} imports jiji ${e.theirs}, but jiji ${e.ours} is running.`,
  remedy: (e) =>
    e.theirs === e.ours
      ? 'Import from "jiji", not from a path.'
      : `Use the project's jiji (\`bunx jiji run …\`), or install jiji ${e.ours} in the project.`,
  exitCode: "configuration",
  sample: { file, theirs: "0.1.0", ours: "0.2.0" }
}) {}

const rename = "Rename the field, in camelCase."
const flagFaults = {
  secret: {
    text: "is a secret, but every user of this machine can read a command line",
    remedy: "Use a flag for the secret's name, and read the secret from `Secrets` in a step."
  },
  type: {
    text: "has a type that a flag cannot have",
    remedy: "Use a string, number, boolean, literals or a list of these, or a schema that decodes from one of them."
  },
  taken: { text: "has a name that `jiji run` uses itself", remedy: rename },
  same: { text: "has the same name as another flag, or as the `--no-` form of one", remedy: rename },
  inherited: { text: "has a name that every JavaScript object has", remedy: rename },
  name: { text: "has a name that a flag cannot have", remedy: rename },
  default: {
    text: "has a default that throws or cannot be printed",
    remedy: "Use a default that depends on nothing else, and move everything that can fail into a step."
  }
} as const

/** A field of a pipeline's flags cannot be a command-line flag. */
export class FlagUnusable extends defineError<FlagUnusable>()("FlagUnusable", {
  fields: { file: Schema.String, field: Schema.String, reason: Schema.Literals(Struct.keys(flagFaults)) },
  message: (e) => `${e.file}: the flag ${JSON.stringify(e.field)} ${flagFaults[e.reason].text}.`,
  remedy: (e) => flagFaults[e.reason].remedy,
  exitCode: "configuration",
  sample: { file, field: "apiToken", reason: "secret" }
}) {}
