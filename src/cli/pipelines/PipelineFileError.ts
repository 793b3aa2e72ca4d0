import { Schema } from "effect"
import { suggest } from "../../config/suggest.ts"
import { faultRemedy, FileFault, faultText } from "../../config/regularFile.ts"
import { ExitCode } from "../../core/Failure.ts"
import { joinWords } from "../../core/text.ts"

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
export class PipelineNotFound extends Schema.TaggedError<PipelineNotFound>()("PipelineNotFound", {
  /** The file that was asked for, or where one of that name would be. */
  file: Schema.String,
  /** The name, where it was no file that was asked for. */
  wanted: Schema.optionalKey(Schema.String),
  /** Whether that is the name of a pipeline of jiji's own, which is a command. */
  own: Schema.optionalKey(Schema.Boolean),
  /** The names that there are. */
  known: Schema.Array(Schema.String)
}) {
  override get message() {
    if (this.own === true) return `${this.wanted} is jiji's own pipeline: ${this.file} does not exist.`
    return this.wanted === undefined
      ? `There is no file ${this.file}.`
      : `There is no pipeline ${this.wanted}: ${this.file} does not exist.`
  }
  get remedy() {
    if (this.own === true) return `Run \`jiji ${this.wanted}\`.`
    const near = this.wanted === undefined ? undefined : suggest(this.wanted, this.known)
    if (near !== undefined) return `Did you mean \`jiji run ${near}\`?`
    return this.known.length === 0
      ? "Name a file, such as ./pipelines/canary.ts, or put one into .jiji/pipelines."
      : `Name a file, or one of .jiji/pipelines: ${joinWords(this.known, "or")}.`
  }
  readonly exitCode = ExitCode.usage
}

/** There is something at the pipeline's path, and it cannot be read. */
export class PipelineUnreadable extends Schema.TaggedError<PipelineUnreadable>()("PipelineUnreadable", {
  file: Schema.String,
  reason: FileFault
}) {
  override get message() {
    return `${this.file} ${faultText(this.reason)}`
  }
  get remedy() {
    return faultRemedy(this.reason, "a TypeScript file")
  }
  readonly exitCode = ExitCode.usage
}

/** The pipeline's file, or one that it imports, is no program: it has a mistake of syntax, or imports what there is not. */
export class PipelineNotCompiled extends Schema.TaggedError<PipelineNotCompiled>()("PipelineNotCompiled", {
  faults: Schema.NonEmptyArray(Fault)
}) {
  override get message() {
    return this.faults.map(shown).join("\n")
  }
  readonly remedy = "Correct these lines; `tsc --noEmit` shows the mistakes of types too."
  readonly exitCode = ExitCode.configuration
}

/** The pipeline's file threw an error while it was imported. */
export class PipelineThrew extends Schema.TaggedError<PipelineThrew>()("PipelineThrew", {
  fault: Fault,
  /** What to do, where the error says it. */
  advice: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    return shown(this.fault)
  }
  get remedy() {
    return this.advice ?? "A pipeline's file only says what is to be done: do in a step what can fail."
  }
  readonly exitCode = ExitCode.configuration
}

/** The import of the pipeline's file does not come to an end. */
export class PipelineStuck extends Schema.TaggedError<PipelineStuck>()("PipelineStuck", {
  file: Schema.String,
  seconds: Schema.Int
}) {
  override get message() {
    return `${this.file} was not imported within ${this.seconds} s: it waits for something, or never ends.`
  }
  readonly remedy = "Look for an `await` outside of functions, and do in a step what takes time."
  readonly exitCode = ExitCode.configuration
}

/** The pipeline's file ended the process while it was imported. */
export class PipelineExited extends Schema.TaggedError<PipelineExited>()("PipelineExited", {
  file: Schema.String,
  /** What it ended the process with. */
  status: Schema.Int
}) {
  override get message() {
    return `${this.file} ended jiji by itself, with the exit code ${this.status}, before anything was run.`
  }
  readonly remedy = "Take the `process.exit` out of it, or put it into a step as an error: `Effect.fail`."
  readonly exitCode = ExitCode.configuration
}

/** The pipeline's file has no default export, or one that is no pipeline. */
export class NoPipeline extends Schema.TaggedError<NoPipeline>()("NoPipeline", {
  file: Schema.String,
  /** What it is in place of a pipeline; absent where there is no default export. */
  found: Schema.optionalKey(Schema.String),
  /** Names of other exports that are pipelines. */
  others: Schema.Array(Schema.String)
}) {
  override get message() {
    return this.found === undefined
      ? `${this.file} has no default export.`
      : `The default export of ${this.file} is ${this.found}, and no pipeline.`
  }
  get remedy() {
    const [other] = this.others
    return other === undefined
      ? "Write `export default Runnable.make({ description, pipeline })`, with what `jiji` exports."
      : `Write \`export default ${other}\`, or one that \`Runnable.make\` makes of it.`
  }
  readonly exitCode = ExitCode.configuration
}

/** The pipeline was made with another copy of jiji than the one that is to run it. */
export class PipelineOfAnotherCopy extends Schema.TaggedError<PipelineOfAnotherCopy>()("PipelineOfAnotherCopy", {
  file: Schema.String,
  theirs: Schema.String,
  ours: Schema.String
}) {
  override get message() {
    return this.theirs === this.ours
      ? `${this.file} has its pipeline from another copy of jiji ${this.ours} than the one that runs.`
      : `${this.file} is written for jiji ${this.theirs}, and this is jiji ${this.ours}.`
  }
  get remedy() {
    return this.theirs === this.ours
      ? 'Import from "jiji", and from no path to it.'
      : `Run it with the project's own (\`bunx jiji run …\`), or install jiji ${this.ours} there.`
  }
  readonly exitCode = ExitCode.configuration
}

/** A field of a pipeline's flags cannot be given on the command line. */
export class FlagUnusable extends Schema.TaggedError<FlagUnusable>()("FlagUnusable", {
  file: Schema.String,
  /** The field's name. */
  field: Schema.String,
  reason: Schema.Literals(["secret", "type", "taken", "same", "inherited", "name", "default"])
}) {
  override get message() {
    const what = {
      secret: "is a secret, and a command line can be read by everybody on this machine",
      type: "is of a type that no flag can be given as",
      taken: "is a flag of `jiji run` itself, or part of what every pipeline is given",
      same: "is typed like another one, or like what switches that off",
      inherited: "has a name that every object has, also where it is not given",
      name: "makes no name of a flag",
      default: "has a default that throws, or that cannot be shown"
    }[this.reason]
    return `${this.file}: the flag ${JSON.stringify(this.field)} ${what}.`
  }
  get remedy() {
    switch (this.reason) {
      case "secret":
        return "Let the flag be the secret's name, and ask `Secrets` for it in a step."
      case "type":
        return "Take a string, number, boolean, one of several literals, or a list of these, or what decodes from one."
      case "default":
        return "Give it a default that needs nothing from outside, and do in a step what can fail."
      default:
        return "Give the field another name, in camelCase."
    }
  }
  readonly exitCode = ExitCode.configuration
}
