import { PlatformError, Schema } from "effect"
import { dirname } from "node:path"
import { accessDenied, defineError } from "../core/defineError.ts"

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

const history = "/home/me/.local/state/jiji/runs.sqlite"

/** The record of this machine's runs cannot be read, or not written to. */
export class RecordUnusable extends defineError<RecordUnusable>()("RecordUnusable", {
  fields: {
    file: Schema.String,
    why: Schema.Literals(["busy", "damaged", "denied", "failed", "foreign", "full", "newer"]),
    /** What SQLite or the system said. */
    detail: Schema.String
  },
  message: (e) => {
    const detail = e.detail === "" ? "" : ` (${e.detail})`
    return `The record of runs in ${e.file} is of no use: ${sentences[e.why]}${detail}.`
  },
  remedy: ({ why }) => remedies[why],
  exitCode: ({ why }) => (why === "denied" || why === "foreign" ? "permission" : "failed"),
  sample: { file: history, why: "damaged", detail: "file is not a database" }
}) {}

/** A run was asked for, and none is kept. */
export class NoRunKept extends defineError<NoRunKept>()("NoRunKept", {
  fields: { file: Schema.String },
  message: ({ file }) => `No run of this machine is kept in ${file}.`,
  remedy: "Runs are kept as they happen, rehearsals are not: `jiji deploy` makes one.",
  exitCode: "usage",
  sample: { file: history }
}) {}

/** A run was named that is not kept. */
export class RunNotFound extends defineError<RunNotFound>()("RunNotFound", {
  fields: {
    id: Schema.String,
    /** The one that was most likely meant. */
    nearest: Schema.optionalKey(Schema.String)
  },
  message: ({ id }) => `No run that is kept has an ID that begins with "${id}".`,
  remedy: ({ nearest }) => {
    const meant = nearest === undefined ? "" : `Did you mean ${nearest}? `
    return `${meant}\`jiji runs\` lists them.`
  },
  exitCode: "usage",
  sample: { id: "mf3k2b", nearest: "mf3k2a9c-7q1x" }
}) {}

/** The beginning of an ID was given that several runs have. */
export class RunAmbiguous extends defineError<RunAmbiguous>()("RunAmbiguous", {
  fields: {
    id: Schema.String,
    /** Some of them, the newest first. */
    some: Schema.Array(Schema.String),
    count: Schema.Int
  },
  message: ({ count, some, id }) => {
    const more = count > some.length ? ", …" : ""
    return `The IDs of ${count} runs begin with "${id}": ${some.join(", ")}${more}.`
  },
  remedy: "Give more of it.",
  exitCode: "usage",
  sample: { id: "mf3k", some: ["mf3k2a9c-7q1x", "mf3k19d0-02ab"], count: 2 }
}) {}

/** A run was asked for as a page and as JSON. */
export class OneForm extends defineError<OneForm>()("OneForm", {
  fields: {},
  message: "--json and --html are two forms of a run.",
  remedy: "Leave one of them out.",
  exitCode: "usage",
  sample: {}
}) {}

/** The file that a page is to be written to is something else. */
export class PageTaken extends defineError<PageTaken>()("PageTaken", {
  fields: { file: Schema.String },
  message: ({ file }) => `${file} is there already, and is no page of a run.`,
  remedy: "Give another name; only pages of jiji's own are written over.",
  exitCode: "usage",
  sample: { file: "notes.html" }
}) {}

const whyNot = (file: string, { message, reason }: PlatformError.PlatformError): string => {
  if (reason._tag === "NotFound") return `the folder ${dirname(file)} is not there`
  return reason._tag === "PermissionDenied" ? "this user may not do that" : message
}

/** A page cannot be written to its file. */
export class PageNotWritten extends defineError<PageNotWritten>()("PageNotWritten", {
  fields: { file: Schema.String, reason: Schema.instanceOf(PlatformError.PlatformError) },
  message: ({ file, reason }) => `The page of the run cannot be written to ${file}: ${whyNot(file, reason)}.`,
  remedy: "Name a file in a folder that is there and that your user may write to, or `-` for standard output.",
  exitCode: "failed",
  sample: { file: "/srv/run.html", reason: accessDenied("/srv/run.html") }
}) {}
