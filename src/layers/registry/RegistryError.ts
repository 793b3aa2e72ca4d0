import { PlatformError, Schema } from "effect"
import { ExitCode } from "../../core/Failure.ts"

/** The local registry's files could not be read or written. */
export class StoreFailed extends Schema.TaggedError<StoreFailed>()("StoreFailed", {
  directory: Schema.String,
  reason: Schema.instanceOf(PlatformError.PlatformError)
}) {
  override get message() {
    return `The local registry in ${this.directory} cannot be used: ${this.reason.message}.`
  }
  get remedy() {
    return `Check that ${this.directory} belongs to you and that its disk has room. It may be removed: it is filled again by the next deploy.`
  }
  get exitCode() {
    return ExitCode.failed
  }
}

/** The local registry is in use, so that nothing of it can be taken away; or something of it is being taken away. */
export class StoreBusy extends Schema.TaggedError<StoreBusy>()("StoreBusy", {
  directory: Schema.String
}) {
  override get message() {
    return `The local registry in ${this.directory} is being used by another jiji.`
  }
  get remedy() {
    return `Wait until the deploy or \`jiji registry serve\` that uses it has ended, then try again. If none runs, remove ${this.directory}/leases and ${this.directory}/sweeps.`
  }
  get exitCode() {
    return ExitCode.failed
  }
}

/** What is wrong with an archive. Paths are those in the archive. */
export const ArchiveProblem = Schema.Union([
  Schema.TaggedStruct("Unreadable", { detail: Schema.String }),
  Schema.TaggedStruct("UnsafePath", { path: Schema.String }),
  Schema.TaggedStruct("FileMissing", { path: Schema.String }),
  Schema.TaggedStruct("FileInvalid", { path: Schema.String, detail: Schema.String }),
  Schema.TaggedStruct("ContentMismatch", { path: Schema.String, expected: Schema.String, actual: Schema.String }),
  Schema.TaggedStruct("ImageMissing", { found: Schema.Array(Schema.String) })
])
export type ArchiveProblem = typeof ArchiveProblem.Type

const sentence = (problem: ArchiveProblem): string => {
  switch (problem._tag) {
    case "Unreadable":
      return `it is cut short or no tar archive (${problem.detail.replace(/\.$/, "")})`
    case "UnsafePath":
      return `the path ${JSON.stringify(problem.path)} leads out of it`
    case "FileMissing":
      return `${problem.path} is not in it`
    case "FileInvalid":
      return `${problem.path} in it is not what it should be: ${problem.detail}`
    case "ContentMismatch":
      return `${problem.path} in it should be ${problem.expected}, but is ${problem.actual}`
    case "ImageMissing":
      return `it holds ${problem.found.length === 0 ? "no image" : problem.found.join(", ")}`
  }
}

/** What an engine's `save` wrote is not an archive of the image. */
export class ArchiveInvalid extends Schema.TaggedError<ArchiveInvalid>()("ArchiveInvalid", {
  imageId: Schema.String,
  problem: ArchiveProblem
}) {
  override get message() {
    return `The archive of image ${this.imageId} cannot be taken in: ${sentence(this.problem)}.`
  }
  get remedy() {
    return this.problem._tag === "Unreadable"
      ? "Check that the engine runs and that its disk has room, then run the deploy again."
      : "Build the image again; if this stays, the engine's `save` writes a form that is not supported."
  }
  get exitCode() {
    return ExitCode.failed
  }
}

/** The local registry could not listen on 127.0.0.1. */
export class RegistryNotServed extends Schema.TaggedError<RegistryNotServed>()("RegistryNotServed", {
  port: Schema.Int,
  cause: Schema.Defect()
}) {
  override get message() {
    const detail = this.cause instanceof Error ? this.cause.message.replace(/\.$/, "") : String(this.cause)
    const why = isTaken(this) ? "something else listens there" : detail
    return `The local registry cannot listen on 127.0.0.1:${this.port}: ${why}.`
  }
  get remedy() {
    if (isTaken(this)) {
      return `See what it is with \`ss -ltnp 'sport = :${this.port}'\`, and stop that; or set another \`port\` under \`builder.registry\`.`
    }
    return "Set `port` of the registry in deploy.yml to one that you may listen on, above 1023."
  }
  get exitCode() {
    return ExitCode.unavailable
  }
}

/** Whether the port was taken. */
export const isTaken = ({ cause }: RegistryNotServed): boolean =>
  cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE"
