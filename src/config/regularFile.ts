import { ByteSize, Effect, FileSystem, PlatformError, Schema } from "effect"

/** More bytes than any file that a person writes by hand. */
export const mostBytes = 1024 * 1024

/** Why a file cannot be read: an error of the system, or the wrong kind or size of file. */
export const FileFault = Schema.Union([
  Schema.instanceOf(PlatformError.PlatformError),
  Schema.Literals(["folder", "special", "large"])
])
export type FileFault = typeof FileFault.Type

/** Completes "FILE …". */
export const faultText = (fault: FileFault): string => {
  if (fault instanceof PlatformError.PlatformError) return `cannot be read: ${fault.message}`
  switch (fault) {
    case "folder":
      return "cannot be read: it is a folder."
    case "special":
      return "cannot be read: it is a device, a pipe or a socket, not a regular file."
    case "large":
      return `cannot be read: it is larger than ${mostBytes / 1024 / 1024} MiB.`
  }
}

/** What to do about it. `what` is the kind of file that belongs there: `a TypeScript file`. */
export const faultRemedy = (fault: FileFault, what: string): string =>
  fault === "large"
    ? `Check that it is ${what}, and make it smaller.`
    : `Make sure that it is ${what} and that your user may read it.`

/** The bytes of a regular file of at most {@link mostBytes}; nothing where there is none. */
export const readRegular = Effect.fnUntraced(
  function* (path: string) {
    const fs = yield* FileSystem.FileSystem
    const { size, type } = yield* fs.stat(path)
    // A device or a pipe may never end.
    if (type === "Directory") return yield* Effect.fail<FileFault>("folder")
    if (type !== "File") return yield* Effect.fail<FileFault>("special")
    if (ByteSize.toNumberUnsafe(size) > mostBytes) return yield* Effect.fail<FileFault>("large")
    return yield* fs.readFile(path)
  },
  Effect.catchIf(
    (error: FileFault) => error instanceof PlatformError.PlatformError && error.reason._tag === "NotFound",
    () => Effect.undefined
  )
)
