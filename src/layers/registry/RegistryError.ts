import { PlatformError, Schema } from "effect"
import { accessDenied, defineError } from "../../core/defineError.ts"

/** The local registry's files could not be read or written. */
export class StoreFailed extends defineError<StoreFailed>()("StoreFailed", {
  fields: { directory: Schema.String, reason: Schema.instanceOf(PlatformError.PlatformError) },
  message: ({ directory, reason }) => `The local registry in ${directory} cannot be used: ${reason.message}.`,
  remedy: ({ directory }) =>
    `Check that ${directory} belongs to you and that its disk has room. It may be removed: it is filled again by the next deploy.`,
  exitCode: "failed",
  sample: { directory: "~/.local/share/jiji/registry", reason: accessDenied("~/.local/share/jiji/registry") }
}) {}

/** The local registry is in use, so that nothing of it can be taken away; or something of it is being taken away. */
export class StoreBusy extends defineError<StoreBusy>()("StoreBusy", {
  fields: { directory: Schema.String },
  message: ({ directory }) => `The local registry in ${directory} is being used by another jiji.`,
  remedy: ({ directory }) =>
    `Wait until the deploy or \`jiji registry serve\` that uses it has ended, then try again. If none runs, remove ${directory}/leases and ${directory}/sweeps.`,
  exitCode: "failed",
  sample: { directory: "~/.local/share/jiji/registry" }
}) {}

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
export class ArchiveInvalid extends defineError<ArchiveInvalid>()("ArchiveInvalid", {
  fields: { imageId: Schema.String, problem: ArchiveProblem },
  message: ({ imageId, problem }) => `The archive of image ${imageId} cannot be taken in: ${sentence(problem)}.`,
  remedy: ({ problem }) =>
    problem._tag === "Unreadable"
      ? "Check that the engine runs and that its disk has room, then run the deploy again."
      : "Build the image again; if this stays, the engine's `save` writes a form that is not supported.",
  exitCode: "failed",
  sample: { imageId: "sha256:4f2ebd2e", problem: { _tag: "FileMissing", path: "manifest.json" } }
}) {}

/** The local registry could not listen on 127.0.0.1. */
export class RegistryNotServed extends defineError<RegistryNotServed>()("RegistryNotServed", {
  fields: { port: Schema.Int, cause: Schema.Defect() },
  message: (e) => {
    const detail = e.cause instanceof Error ? e.cause.message.replace(/\.$/, "") : String(e.cause)
    const why = isTaken(e) ? "something else listens there" : detail
    return `The local registry cannot listen on 127.0.0.1:${e.port}: ${why}.`
  },
  remedy: (e) => {
    if (isTaken(e)) {
      return `See what it is with \`ss -ltnp 'sport = :${e.port}'\`, and stop that; or set another \`port\` under \`builder.registry\`.`
    }
    return "Set `port` of the registry in deploy.yml to one that you may listen on, above 1023."
  },
  exitCode: "unavailable",
  sample: { port: 9270, cause: "EACCES" }
}) {}

/** Whether the port was taken. */
export const isTaken = ({ cause }: { readonly cause: unknown }): boolean =>
  cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE"
