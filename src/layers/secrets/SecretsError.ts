import { Schema } from "effect"
import { faultRemedy, FileFault, faultText } from "../../config/regularFile.ts"
import { defineError } from "../../core/defineError.ts"
import { list } from "../../core/text.ts"

/** Secrets that were not found, all of them. An empty value counts as not found. */
export class SecretsMissing extends defineError<SecretsMissing>()("SecretsMissing", {
  fields: {
    secrets: Schema.Array(Schema.Struct({ name: Schema.String, emptyIn: Schema.Array(Schema.String) })),
    searched: Schema.Array(Schema.Struct({ place: Schema.String, there: Schema.Boolean }))
  },
  message: ({ secrets, searched }) => {
    const names = secrets.map(({ emptyIn, name }) =>
      emptyIn.length > 0 ? `${name} (empty in ${list(emptyIn)})` : name
    )
    const places = searched.map(({ place, there }) => (there ? place : `${place} (no such file)`))
    const subject = names.length === 1 ? "The secret" : "The secrets"
    return `${subject} ${list(names)} ${names.length === 1 ? "is" : "are"} missing; searched ${list(places)}.`
  },
  remedy: ({ searched, secrets }) => {
    const [first] = searched
    const lines = secrets.map(({ name }) => `${name}=…`)
    return `Write ${list(lines)} into ${first?.place ?? ".env"}, or set ${lines.length === 1 ? "it" : "them"} in the environment.`
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
    ]
  }
}) {}

const EnvFault = Schema.Union([FileFault, Schema.Array(Schema.Struct({ line: Schema.Int, message: Schema.String }))])

/** Lines are a list, and anything else is about the file as a whole. */
const isFault = (reason: typeof EnvFault.Type): reason is FileFault => !Array.isArray(reason)

/** A `.env` file that is there and cannot be read, or has lines that cannot. */
export class SecretsUnreadable extends defineError<SecretsUnreadable>()("SecretsUnreadable", {
  fields: {
    file: Schema.String,
    reason: EnvFault
  },
  message: (e) => {
    const { file, reason } = e
    if (isFault(reason)) return `${file} ${faultText(reason)}`
    return reason.map(({ line, message }) => `${file}:${line} ${message}`).join("\n")
  },
  remedy: ({ reason }) =>
    isFault(reason)
      ? faultRemedy(reason, "a file")
      : "Write each secret as NAME=value, in quotes where it holds spaces, quotes or several lines.",
  exitCode: "configuration",
  sample: { file: ".env", reason: [{ line: 4, message: "is not of the form NAME=value" }] }
}) {}

const CommandFault = Schema.TaggedUnion({
  NotStarted: { cause: Schema.Defect() },
  Ended: { code: Schema.Int, stderr: Schema.String },
  Empty: { stderr: Schema.String },
  NotText: {},
  TooLong: {},
  TimedOut: { seconds: Schema.Finite }
})

const commandFaultText = (reason: typeof CommandFault.Type): string => {
  const said = "stderr" in reason && reason.stderr !== "" ? `: ${reason.stderr}` : "."
  switch (reason._tag) {
    case "NotStarted":
      return "cannot be started: there is no sh on this machine."
    case "Ended":
      return `ended with exit code ${reason.code}${said}`
    case "Empty":
      return `printed nothing${said}`
    case "NotText":
      return "printed a NUL byte, which no variable can hold."
    case "TooLong":
      return "printed more than 64 KiB, which is no secret."
    case "TimedOut":
      return `did not end within ${reason.seconds} s, and was stopped.`
  }
}

/** A command that stands for a secret gave no value. What it wrote to stdout is not kept. */
export class SecretCommandFailed extends defineError<SecretCommandFailed>()("SecretCommandFailed", {
  fields: {
    name: Schema.String,
    /** Where the command stands. */
    place: Schema.String,
    reason: CommandFault
  },
  message: ({ name, place, reason }) => `The command for ${name} (in ${place}) ${commandFaultText(reason)}`,
  remedy: ({ reason }) =>
    reason._tag === "NotStarted"
      ? "Install a shell as /bin/sh."
      : "Run it by hand in the project's folder. It can ask nothing, since its input is closed: unlock the password manager before.",
  exitCode: "configuration",
  sample: {
    name: "GITHUB_TOKEN",
    place: ".env",
    reason: { _tag: "Ended", code: 1, stderr: "[ERROR] you are not currently signed in" }
  }
}) {}

/** A secret is longer than a variable of a container can be. */
export class SecretTooLong extends defineError<SecretTooLong>()("SecretTooLong", {
  fields: { name: Schema.String, bytes: Schema.Int },
  message: ({ name, bytes }) => `The secret ${name} has ${bytes} bytes; Linux takes no variable of more than 128 KiB.`,
  remedy: "Keep it in a file on the server, mount that with `volumes`, and give the container its path.",
  exitCode: "configuration",
  sample: { name: "CERTIFICATES", bytes: 163_840 }
}) {}

export type SecretsError = SecretsMissing | SecretsUnreadable | SecretCommandFailed
