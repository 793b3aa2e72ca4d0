import { PlatformError, Schema } from "effect"
import { dirname } from "node:path"
import { ExitCode } from "../core/Failure.ts"

const sentences = {
  busy: "other runs are writing to it",
  damaged: "it is damaged",
  denied: "this user may not write to it",
  failed: "it cannot be used",
  foreign: "it and its folder must be this user's own, and no links or anything else",
  full: "the disk is full",
  newer: "a newer jiji has written it"
} as const

const remedies = {
  busy: "Try again.",
  damaged: "Move it away; the next run begins a new one.",
  denied: "Give it and its folder to the user that runs jiji, or name another folder in XDG_STATE_HOME.",
  failed: "Look at that file and its folder; once it is moved away, the next run begins a new one.",
  foreign: "Move away what is there; the next run begins a new one. Or name another folder in XDG_STATE_HOME.",
  full: "Make room on that disk.",
  newer: "Use that jiji, or name another folder in XDG_STATE_HOME."
} as const

/** The record of this machine's runs cannot be read, or not written to. */
export class RecordUnusable extends Schema.TaggedError<RecordUnusable>()("RecordUnusable", {
  file: Schema.String,
  why: Schema.Literals(["busy", "damaged", "denied", "failed", "foreign", "full", "newer"]),
  /** What SQLite or the system said. */
  detail: Schema.String
}) {
  override get message() {
    const detail = this.detail === "" ? "" : ` (${this.detail})`
    return `The record of runs in ${this.file} is of no use: ${sentences[this.why]}${detail}.`
  }
  get remedy() {
    return remedies[this.why]
  }
  get exitCode() {
    return this.why === "denied" || this.why === "foreign" ? ExitCode.permission : ExitCode.failed
  }
}

/** A run was asked for, and none is kept. */
export class NoRunKept extends Schema.TaggedError<NoRunKept>()("NoRunKept", { file: Schema.String }) {
  override get message() {
    return `No run of this machine is kept in ${this.file}.`
  }
  get remedy() {
    return "Runs are kept as they happen, rehearsals are not: `jiji deploy` makes one."
  }
  get exitCode() {
    return ExitCode.usage
  }
}

/** A run was named that is not kept. */
export class RunNotFound extends Schema.TaggedError<RunNotFound>()("RunNotFound", {
  id: Schema.String,
  /** The one that was most likely meant. */
  nearest: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    return `No run that is kept has an ID that begins with "${this.id}".`
  }
  get remedy() {
    const meant = this.nearest === undefined ? "" : `Did you mean ${this.nearest}? `
    return `${meant}\`jiji runs\` lists them.`
  }
  get exitCode() {
    return ExitCode.usage
  }
}

/** The beginning of an ID was given that several runs have. */
export class RunAmbiguous extends Schema.TaggedError<RunAmbiguous>()("RunAmbiguous", {
  id: Schema.String,
  /** Some of them, the newest first. */
  some: Schema.Array(Schema.String),
  count: Schema.Int
}) {
  override get message() {
    const more = this.count > this.some.length ? ", …" : ""
    return `The IDs of ${this.count} runs begin with "${this.id}": ${this.some.join(", ")}${more}.`
  }
  get remedy() {
    return "Give more of it."
  }
  get exitCode() {
    return ExitCode.usage
  }
}

/** A run was asked for as a page and as JSON. */
export class OneForm extends Schema.TaggedError<OneForm>()("OneForm", {}) {
  override get message() {
    return "--json and --html are two forms of a run."
  }
  get remedy() {
    return "Leave one of them out."
  }
  get exitCode() {
    return ExitCode.usage
  }
}

/** The file that a page is to be written to is something else. */
export class PageTaken extends Schema.TaggedError<PageTaken>()("PageTaken", { file: Schema.String }) {
  override get message() {
    return `${this.file} is there already, and is no page of a run.`
  }
  get remedy() {
    return "Give another name; only pages of jiji's own are written over."
  }
  get exitCode() {
    return ExitCode.usage
  }
}

const whyNot = (file: string, { message, reason }: PlatformError.PlatformError): string => {
  if (reason._tag === "NotFound") return `the folder ${dirname(file)} is not there`
  return reason._tag === "PermissionDenied" ? "this user may not do that" : message
}

/** A page cannot be written to its file. */
export class PageNotWritten extends Schema.TaggedError<PageNotWritten>()("PageNotWritten", {
  file: Schema.String,
  reason: Schema.instanceOf(PlatformError.PlatformError)
}) {
  override get message() {
    return `The page of the run cannot be written to ${this.file}: ${whyNot(this.file, this.reason)}.`
  }
  get remedy() {
    return "Name a file in a folder that is there and that your user may write to, or `-` for standard output."
  }
  get exitCode() {
    return ExitCode.failed
  }
}
