import { Schema } from "effect"
import { faultRemedy, FileFault, faultText } from "../../config/regularFile.ts"
import { defineError } from "../../core/defineError.ts"
import { joinFirst, joinWords } from "../../core/text.ts"

/** Secrets were not found. The error lists all of them; an empty value counts as missing. */
export class SecretsMissing extends defineError<SecretsMissing>()("SecretsMissing", {
  fields: {
    secrets: Schema.Array(Schema.Struct({ name: Schema.String, emptyIn: Schema.Array(Schema.String) })),
    searched: Schema.Array(Schema.Struct({ place: Schema.String, there: Schema.Boolean })),
    /** Lines with syntax errors where they may be, such as `.env:4`. */
    ignored: Schema.optionalKey(Schema.Array(Schema.String))
  },
  message: (e) => {
    const names = e.secrets.map(({ emptyIn, name }) =>
      emptyIn.length > 0 ? `${name} (empty in ${joinWords(emptyIn)})` : name
    )
    const places = e.searched.map(({ place, there }) => (there ? place : `${place} (no such file)`))
    const subject = names.length === 1 ? `The secret ${joinWords(names)} is` : `The secrets ${joinWords(names)} are`
    const unread = e.ignored === undefined ? "" : ` It cannot read ${joinFirst(e.ignored)}.`
    return `${subject} missing; jiji looked in ${joinWords(places)}.${unread}`
  },
  remedy: ({ ignored, searched: [first], secrets }) => {
    const add = `dd ${joinWords(secrets.map(({ name }) => `${name}=…`))} to ${first?.place ?? ".env"}`
    const set = `or set ${secrets.length === 1 ? "it" : "them"} in the environment.`
    if (ignored === undefined) return `A${add}, ${set}`
    return `If ${joinFirst(ignored, "or")} should define ${secrets.length === 1 ? "it" : "one"}, write it as NAME=value. Otherwise a${add}, ${set}`
  },
  exitCode: "configuration",
  sample: {
    secrets: [
      { name: "GITHUB_TOKEN", emptyIn: [".env"] },
      { name: "DATABASE_URL", emptyIn: [] }
    ],
    searched: [
      { place: ".env.staging", there: false },
      { place: ".env", there: true },
      { place: "the process environment", there: true }
    ],
    ignored: [".env:4"]
  }
}) {}

/** What is wrong with the file, or with its lines. */
const Reason = Schema.Union([FileFault, Schema.Array(Schema.Struct({ line: Schema.Int, message: Schema.String }))])

const isAboutFile = (reason: typeof Reason.Type): reason is FileFault => !Array.isArray(reason)

/** A `.env` file cannot be read, or some of its lines are not valid. */
export class SecretsUnreadable extends defineError<SecretsUnreadable>()("SecretsUnreadable", {
  fields: { file: Schema.String, reason: Reason },
  message: (e) =>
    isAboutFile(e.reason)
      ? `${e.file} ${faultText(e.reason)}`
      : e.reason.map(({ line, message }) => `${e.file}:${line} ${message}`).join("\n"),
  remedy: (e) =>
    isAboutFile(e.reason)
      ? faultRemedy(e.reason, "a file")
      : "Write each secret as NAME=value. Quote values with spaces, quotes or several lines.",
  exitCode: "configuration",
  sample: { file: ".env", reason: [{ line: 4, message: "does not have the form NAME=value" }] }
}) {}

const CommandFault = Schema.TaggedUnion({
  NotStarted: { cause: Schema.Defect() },
  Ended: { code: Schema.Int, stderr: Schema.String },
  Empty: { stderr: Schema.String },
  NotText: {},
  TooLong: {},
  TimedOut: { seconds: Schema.Finite }
})

const output = (stderr: string): string => (stderr === "" ? "." : `: ${stderr}`)

const commandFaultText = CommandFault.match({
  NotStarted: () => "cannot be started: this machine has no sh.",
  Ended: ({ code, stderr }) => `failed with exit code ${code}${output(stderr)}`,
  Empty: ({ stderr }) => `printed nothing${output(stderr)}`,
  NotText: () => "printed a NUL byte, which no variable can hold.",
  TooLong: () => "printed more than 64 KiB, which is too long for a secret.",
  TimedOut: ({ seconds }) => `took longer than ${seconds} s and was stopped.`
})

/** The command for a secret printed no value. jiji does not keep its stdout. */
export class SecretCommandFailed extends defineError<SecretCommandFailed>()("SecretCommandFailed", {
  fields: { name: Schema.String, place: Schema.String, reason: CommandFault },
  message: (e) => `The command for ${e.name} (in ${e.place}) ${commandFaultText(e.reason)}`,
  remedy: (e) =>
    e.reason._tag === "NotStarted"
      ? "Install a shell as /bin/sh."
      : "Run it by hand in the project's folder. It cannot prompt (stdin is closed). Unlock your password manager first.",
  exitCode: "configuration",
  sample: {
    name: "GITHUB_TOKEN",
    place: ".env",
    reason: { _tag: "Ended", code: 1, stderr: "[ERROR] you are not currently signed in" }
  }
}) {}

/** A secret is too long for a container's variable. */
export class SecretTooLong extends defineError<SecretTooLong>()("SecretTooLong", {
  fields: { name: Schema.String, bytes: Schema.Int },
  message: (e) => `The secret ${e.name} has ${e.bytes} bytes, but a Linux variable can hold at most 128 KiB.`,
  remedy: (e) => `Mount it as a file instead: \`files: [{ secret: ${e.name}, target: /run/secrets/${e.name} }]\`.`,
  exitCode: "configuration",
  sample: { name: "CERTIFICATES", bytes: 163_840 }
}) {}

export type SecretsError = SecretsMissing | SecretsUnreadable | SecretCommandFailed
