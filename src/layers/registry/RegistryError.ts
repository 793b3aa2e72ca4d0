import { PlatformError, Schema } from "effect"
import { accessDenied, defineError } from "../../core/defineError.ts"
import { isDiskFull, systemErrorRemedy, systemErrorText } from "../../core/systemError.ts"

// Shared by the samples.
const folder = "~/.local/share/jiji/registry"

/** The local registry's files cannot be read or written. */
export class StoreFailed extends defineError<StoreFailed>()("StoreFailed", {
  fields: { directory: Schema.String, reason: Schema.instanceOf(PlatformError.PlatformError) },
  message: (e) => `The local registry in ${e.directory} cannot be used: ${systemErrorText(e.reason, e.directory)}.`,
  remedy: (e) =>
    `${systemErrorRemedy(e.reason, e.directory)} ${isDiskFull(e.reason) ? `You may delete ${e.directory}: the next deploy fills it again.` : "XDG_DATA_HOME chooses another folder."}`,
  exitCode: "failed",
  sample: { directory: folder, reason: accessDenied(folder) }
}) {}

/** Another jiji process uses the local registry, or is removing images from it. */
export class StoreBusy extends defineError<StoreBusy>()("StoreBusy", {
  fields: { directory: Schema.String },
  message: (e) => `Another jiji process is using the local registry in ${e.directory}.`,
  remedy: (e) =>
    `Wait until that deploy or \`jiji registry serve\` ends, then try again. If none is running, delete ${e.directory}/leases and ${e.directory}/sweeps.`,
  exitCode: "failed",
  sample: { directory: folder }
}) {}

/** What is wrong with an archive. The paths are those in the archive. */
export const ArchiveProblem = Schema.TaggedUnion({
  Unreadable: { detail: Schema.String },
  UnsafePath: { path: Schema.String },
  FileMissing: { path: Schema.String },
  FileInvalid: { path: Schema.String, detail: Schema.String },
  ContentMismatch: { path: Schema.String, expected: Schema.String, actual: Schema.String },
  ImageMissing: { found: Schema.Array(Schema.String) }
})
export type ArchiveProblem = typeof ArchiveProblem.Type

const problemText = ArchiveProblem.match({
  Unreadable: ({ detail }) => `it is incomplete or not a tar archive (${detail.replace(/\.$/, "")})`,
  UnsafePath: ({ path }) => `the path ${JSON.stringify(path)} points outside the archive`,
  FileMissing: ({ path }) => `it does not contain ${path}`,
  FileInvalid: ({ detail, path }) => `its ${path} is not valid: ${detail}`,
  ContentMismatch: ({ actual, expected, path }) => `its ${path} should be ${expected}, but is ${actual}`,
  ImageMissing: ({ found }) => `it contains ${found.length === 0 ? "no image" : `only ${found.join(", ")}`}`
})

/** The output of an engine's `save` is not a valid archive of the image. */
export class ArchiveInvalid extends defineError<ArchiveInvalid>()("ArchiveInvalid", {
  fields: { imageId: Schema.String, problem: ArchiveProblem },
  message: (e) => `The archive of image ${e.imageId} cannot be imported: ${problemText(e.problem)}.`,
  remedy: (e) =>
    e.problem._tag === "Unreadable"
      ? "Check that the engine is running and that its disk has free space, then deploy again."
      : "Build the image again. If it keeps failing, the engine's `save` writes a format that jiji does not support.",
  exitCode: "failed",
  sample: { imageId: "sha256:4f2ebd2e", problem: { _tag: "FileMissing", path: "manifest.json" } }
}) {}

/** A blob of an image is damaged, and importing the image again does not help. */
export class ImageCorrupted extends defineError<ImageCorrupted>()("ImageCorrupted", {
  fields: {
    directory: Schema.String,
    repository: Schema.String,
    tag: Schema.String,
    /** The digest of a damaged or missing blob. */
    blob: Schema.String,
    reason: Schema.String
  },
  message: (e) =>
    `The local registry in ${e.directory} has a damaged copy of ${e.repository}:${e.tag}: blob ${e.blob} was corrupted or missing. jiji cannot import the image again: ${e.reason.replace(/\.$/, "")}.`,
  remedy: (e) =>
    `Deploy again: jiji then builds and imports the image again. If the error returns, check the disk that holds ${e.directory}.`,
  exitCode: "failed",
  sample: {
    directory: folder,
    repository: "shop-web",
    tag: "v1",
    blob: `sha256:${"4f2ebd2e".repeat(8)}`,
    reason: "docker failed on this machine with exit code 1: Error: No such image: localhost:9270/shop-web:v1"
  }
}) {}

/** Whether another program uses the port. */
export const isTaken = ({ cause }: { readonly cause: unknown }): boolean =>
  cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE"

const listenFault = (cause: unknown): string =>
  cause instanceof Error ? cause.message.replace(/\.$/, "") : String(cause)

/** The local registry cannot listen on 127.0.0.1. */
export class RegistryNotServed extends defineError<RegistryNotServed>()("RegistryNotServed", {
  fields: { port: Schema.Int, cause: Schema.Defect() },
  message: (e) =>
    `The local registry cannot listen on 127.0.0.1:${e.port}: ${isTaken(e) ? "another program uses the port" : listenFault(e.cause)}.`,
  remedy: (e) =>
    isTaken(e)
      ? `Find the program with \`ss -ltnp 'sport = :${e.port}'\` and stop it, or set another \`port\` under \`builder.registry\`.`
      : "Set `port` under `builder.registry` to a port that your user may use, above 1023.",
  exitCode: "unavailable",
  sample: { port: 9270, cause: "EACCES" }
}) {}
