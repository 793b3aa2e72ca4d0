import { Schema } from "effect"
import { faultRemedy, FileFault, faultText } from "../../config/regularFile.ts"
import { ExitCode } from "../../core/Failure.ts"
import { joinWords } from "../../core/text.ts"

/** Secrets that were not found, all of them. An empty value counts as not found. */
export class SecretsMissing extends Schema.TaggedError<SecretsMissing>()("SecretsMissing", {
  secrets: Schema.Array(Schema.Struct({ name: Schema.String, emptyIn: Schema.Array(Schema.String) })),
  searched: Schema.Array(Schema.Struct({ place: Schema.String, there: Schema.Boolean }))
}) {
  override get message() {
    const names = this.secrets.map(({ emptyIn, name }) =>
      emptyIn.length > 0 ? `${name} (empty in ${joinWords(emptyIn)})` : name
    )
    const places = this.searched.map(({ place, there }) => (there ? place : `${place} (no such file)`))
    const subject = names.length === 1 ? "The secret" : "The secrets"
    return `${subject} ${joinWords(names)} ${names.length === 1 ? "is" : "are"} missing; searched ${joinWords(places)}.`
  }
  get remedy() {
    const [first] = this.searched
    const lines = this.secrets.map(({ name }) => `${name}=…`)
    return `Write ${joinWords(lines)} into ${first?.place ?? ".env"}, or set ${lines.length === 1 ? "it" : "them"} in the environment.`
  }
  get exitCode() {
    return ExitCode.configuration
  }
}

/** Lines are a list, and anything else is about the file as a whole. */
const isFault = (reason: typeof SecretsUnreadable.Type.reason): reason is FileFault => !Array.isArray(reason)

/** A `.env` file that is there and cannot be read, or has lines that cannot. */
export class SecretsUnreadable extends Schema.TaggedError<SecretsUnreadable>()("SecretsUnreadable", {
  file: Schema.String,
  reason: Schema.Union([FileFault, Schema.Array(Schema.Struct({ line: Schema.Int, message: Schema.String }))])
}) {
  override get message() {
    const { file, reason } = this
    if (isFault(reason)) return `${file} ${faultText(reason)}`
    return reason.map(({ line, message }) => `${file}:${line} ${message}`).join("\n")
  }
  get remedy() {
    return isFault(this.reason)
      ? faultRemedy(this.reason, "a file")
      : "Write each secret as NAME=value, in quotes where it holds spaces, quotes or several lines."
  }
  get exitCode() {
    return ExitCode.configuration
  }
}

/** A command that stands for a secret gave no value. What it wrote to stdout is not kept. */
export class SecretCommandFailed extends Schema.TaggedError<SecretCommandFailed>()("SecretCommandFailed", {
  name: Schema.String,
  /** Where the command stands. */
  place: Schema.String,
  reason: Schema.TaggedUnion({
    NotStarted: { cause: Schema.Defect() },
    Ended: { code: Schema.Int, stderr: Schema.String },
    Empty: { stderr: Schema.String },
    NotText: {},
    TooLong: {},
    TimedOut: { seconds: Schema.Finite }
  })
}) {
  override get message() {
    return `The command for ${this.name} (in ${this.place}) ${this.what}`
  }
  private get what() {
    const { reason } = this
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
  get remedy() {
    return this.reason._tag === "NotStarted"
      ? "Install a shell as /bin/sh."
      : "Run it by hand in the project's folder. It can ask nothing, since its input is closed: unlock the password manager before."
  }
  get exitCode() {
    return ExitCode.configuration
  }
}

/** A secret is longer than a variable of a container can be. */
export class SecretTooLong extends Schema.TaggedError<SecretTooLong>()("SecretTooLong", {
  name: Schema.String,
  bytes: Schema.Int
}) {
  override get message() {
    return `The secret ${this.name} has ${this.bytes} bytes; Linux takes no variable of more than 128 KiB.`
  }
  get remedy() {
    return "Keep it in a file on the server, mount that with `volumes`, and give the container its path."
  }
  get exitCode() {
    return ExitCode.configuration
  }
}

export type SecretsError = SecretsMissing | SecretsUnreadable | SecretCommandFailed
