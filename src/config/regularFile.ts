import { ByteSize, Effect, FileSystem, PlatformError, Schema } from "effect"
import { systemErrorReason, systemErrorRemedy } from "../core/systemError.ts"

/** The size limit in bytes. Files that a person writes are smaller. */
const maxBytes = 1024 * 1024

/** Why a file was not read: an error of the system, or the kind of file. */
export const FileFault = Schema.Union([
  Schema.instanceOf(PlatformError.PlatformError),
  Schema.Literals(["folder", "special", "large", "dangling"])
])
export type FileFault = typeof FileFault.Type

/** Returns what is wrong with the file. Completes "FILE …". */
export const faultText = (fault: FileFault): string => {
  if (fault instanceof PlatformError.PlatformError) return `cannot be read: ${systemErrorReason(fault)}.`
  switch (fault) {
    case "folder":
      return "cannot be read: it is a folder."
    case "special":
      return "cannot be read: it is a device, a pipe or a socket, not a regular file."
    case "dangling":
      return "is a symbolic link to a file that does not exist."
    case "large":
      return `cannot be read: it is larger than ${maxBytes / 1024 / 1024} MiB.`
  }
}

/** Returns what to do about it. `what` is the kind of file that is needed. */
export const faultRemedy = (fault: FileFault, what: string): string => {
  if (fault instanceof PlatformError.PlatformError) return systemErrorRemedy(fault)
  if (fault === "dangling") return "Correct the link, or replace it with the file; `ls -l` shows where it leads."
  return fault === "large"
    ? `Check that it is ${what}, and make it smaller.`
    : `Make sure that it is ${what} and that your user may read it.`
}

/** Reads a regular file of at most {@link maxBytes}. Returns undefined if it does not exist. */
export const readRegularFile = Effect.fnUntraced(
  function* (path: string) {
    const fs = yield* FileSystem.FileSystem
    const { size, type } = yield* fs.stat(path)
    // Reading a device or a pipe might never end.
    if (type === "Directory") return yield* Effect.fail<FileFault>("folder")
    if (type !== "File") return yield* Effect.fail<FileFault>("special")
    if (ByteSize.toNumberUnsafe(size) > maxBytes) return yield* Effect.fail<FileFault>("large")
    return yield* fs.readFile(path)
  },
  Effect.catchIf(
    (error: FileFault) => error instanceof PlatformError.PlatformError && error.reason._tag === "NotFound",
    () => Effect.undefined
  )
)
