import { Schema } from "effect"
import { nearest } from "../../config/suggest.ts"
import { faultRemedy, FileFault, faultText } from "../../config/regularFile.ts"
import { defineError } from "../../core/defineError.ts"
import { list } from "../../core/text.ts"

/** Where something is in a file. */
export const Fault = Schema.Struct({
  file: Schema.String,
  /** From 1; 0 where it is not known. */
  line: Schema.Int,
  text: Schema.String
})
export type Fault = typeof Fault.Type

const at = ({ file, line }: Omit<Fault, "text">): string => (line === 0 ? file : `${file}:${line}`)
const shown = (fault: Fault): string => `${at(fault)} ${fault.text}`

/** There is no pipeline of that name, or no file there. */
export class PipelineNotFound extends defineError<PipelineNotFound>()("PipelineNotFound", {
  fields: {
    /** The file that was asked for, or where one of that name would be. */
    file: Schema.String,
    /** The name, where it was no file that was asked for. */
    wanted: Schema.optionalKey(Schema.String),
    /** Whether that is the name of a pipeline of jiji's own, which is a command. */
    own: Schema.optionalKey(Schema.Boolean),
    /** The names that there are. */
    known: Schema.Array(Schema.String)
  },
  message: ({ own, wanted, file }) => {
    if (own === true) return `${wanted} is jiji's own pipeline: ${file} does not exist.`
    return wanted === undefined
      ? `There is no file ${file}.`
      : `There is no pipeline ${wanted}: ${file} does not exist.`
  },
  remedy: ({ own, wanted, known }) => {
    if (own === true) return `Run \`jiji ${wanted}\`.`
    const near = wanted === undefined ? undefined : nearest(wanted, known)
    if (near !== undefined) return `Did you mean \`jiji run ${near}\`?`
    return known.length === 0
      ? "Name a file, such as ./pipelines/canary.ts, or put one into .jiji/pipelines."
      : `Name a file, or one of .jiji/pipelines: ${list(known, "or")}.`
  },
  exitCode: "usage",
  sample: { file: ".jiji/pipelines/canry.ts", wanted: "canry", known: ["canary"] }
}) {}

/** There is something at the pipeline's path, and it cannot be read. */
export class PipelineUnreadable extends defineError<PipelineUnreadable>()("PipelineUnreadable", {
  fields: { file: Schema.String, reason: FileFault },
  message: ({ file, reason }) => `${file} ${faultText(reason)}`,
  remedy: ({ reason }) => faultRemedy(reason, "a TypeScript file"),
  exitCode: "usage",
  sample: { file: "pipelines", reason: "folder" }
}) {}

/** The pipeline's file, or one that it imports, is no program: it has a mistake of syntax, or imports what there is not. */
export class PipelineNotCompiled extends defineError<PipelineNotCompiled>()("PipelineNotCompiled", {
  fields: { faults: Schema.NonEmptyArray(Fault) },
  message: ({ faults }) => faults.map(shown).join("\n"),
  remedy: "Correct these lines; `tsc --noEmit` shows the mistakes of types too.",
  exitCode: "configuration",
  sample: { faults: [{ file: "pipelines/canary.ts", line: 12, text: "Expected ) but found }" }] }
}) {}

/** The pipeline's file threw an error while it was imported. */
export class PipelineThrew extends defineError<PipelineThrew>()("PipelineThrew", {
  fields: {
    fault: Fault,
    /** What to do, where the error says it. */
    advice: Schema.optionalKey(Schema.String)
  },
  message: ({ fault }) => shown(fault),
  remedy: ({ advice }) => advice ?? "A pipeline's file only says what is to be done: do in a step what can fail.",
  exitCode: "configuration",
  sample: {
    fault: { file: "pipelines/canary.ts", line: 12, text: "The pipeline has two nodes with the path canary/smoke." },
    advice: "Give one of them another name."
  }
}) {}

/** The import of the pipeline's file does not come to an end. */
export class PipelineStuck extends defineError<PipelineStuck>()("PipelineStuck", {
  fields: { file: Schema.String, seconds: Schema.Int },
  message: ({ file, seconds }) =>
    `${file} was not imported within ${seconds} s: it waits for something, or never ends.`,
  remedy: "Look for an `await` outside of functions, and do in a step what takes time.",
  exitCode: "configuration",
  sample: { file: "pipelines/canary.ts", seconds: 10 }
}) {}

/** The pipeline's file ended the process while it was imported. */
export class PipelineExited extends defineError<PipelineExited>()("PipelineExited", {
  fields: {
    file: Schema.String,
    /** What it ended the process with. */
    status: Schema.Int
  },
  message: ({ file, status }) => `${file} ended jiji by itself, with the exit code ${status}, before anything was run.`,
  remedy: "Take the `process.exit` out of it, or put it into a step as an error: `Effect.fail`.",
  exitCode: "configuration",
  sample: { file: "pipelines/canary.ts", status: 0 }
}) {}

/** The pipeline's file has no default export, or one that is no pipeline. */
export class NoPipeline extends defineError<NoPipeline>()("NoPipeline", {
  fields: {
    file: Schema.String,
    /** What it is in place of a pipeline; absent where there is no default export. */
    found: Schema.optionalKey(Schema.String),
    /** Names of other exports that are pipelines. */
    others: Schema.Array(Schema.String)
  },
  message: ({ found, file }) =>
    found === undefined
      ? `${file} has no default export.`
      : `The default export of ${file} is ${found}, and no pipeline.`,
  remedy: ({ others }) => {
    const [other] = others
    return other === undefined
      ? "Write `export default Runnable.make({ description, pipeline })`, with what `jiji` exports."
      : `Write \`export default ${other}\`, or one that \`Runnable.make\` makes of it.`
  },
  exitCode: "configuration",
  sample: { file: "pipelines/canary.ts", found: "a step", others: ["canary"] }
}) {}

/** The pipeline was made with another copy of jiji than the one that is to run it. */
export class PipelineOfAnotherCopy extends defineError<PipelineOfAnotherCopy>()("PipelineOfAnotherCopy", {
  fields: { file: Schema.String, theirs: Schema.String, ours: Schema.String },
  message: ({ theirs, ours, file }) =>
    theirs === ours
      ? `${file} has its pipeline from another copy of jiji ${ours} than the one that runs.`
      : `${file} is written for jiji ${theirs}, and this is jiji ${ours}.`,
  remedy: ({ theirs, ours }) =>
    theirs === ours
      ? 'Import from "jiji", and from no path to it.'
      : `Run it with the project's own (\`bunx jiji run …\`), or install jiji ${ours} there.`,
  exitCode: "configuration",
  sample: { file: "pipelines/canary.ts", theirs: "0.1.0", ours: "0.2.0" }
}) {}

/** A field of a pipeline's flags cannot be given on the command line. */
export class FlagUnusable extends defineError<FlagUnusable>()("FlagUnusable", {
  fields: {
    file: Schema.String,
    /** The field's name. */
    field: Schema.String,
    reason: Schema.Literals(["secret", "type", "taken", "same", "inherited", "name", "default"])
  },
  message: ({ reason, file, field }) => {
    const what = {
      secret: "is a secret, and a command line can be read by everybody on this machine",
      type: "is of a type that no flag can be given as",
      taken: "is a flag of `jiji run` itself, or part of what every pipeline is given",
      same: "is typed like another one, or like what switches that off",
      inherited: "has a name that every object has, also where it is not given",
      name: "makes no name of a flag",
      default: "has a default that throws, or that cannot be shown"
    }[reason]
    return `${file}: the flag ${JSON.stringify(field)} ${what}.`
  },
  remedy: ({ reason }) => {
    switch (reason) {
      case "secret":
        return "Let the flag be the secret's name, and ask `Secrets` for it in a step."
      case "type":
        return "Take a string, number, boolean, one of several literals, or a list of these, or what decodes from one."
      case "default":
        return "Give it a default that needs nothing from outside, and do in a step what can fail."
      default:
        return "Give the field another name, in camelCase."
    }
  },
  exitCode: "configuration",
  sample: { file: "pipelines/canary.ts", field: "apiToken", reason: "secret" }
}) {}

export type PipelineFileError =
  | PipelineNotFound
  | PipelineUnreadable
  | PipelineNotCompiled
  | PipelineThrew
  | PipelineStuck
  | PipelineExited
  | NoPipeline
  | PipelineOfAnotherCopy
  | FlagUnusable
