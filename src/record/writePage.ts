import { randomUUID } from "node:crypto"
import { Effect, FileSystem } from "effect"
import { pageSignature } from "./renderPage.ts"
import { PageNotWritten, PageTaken } from "./RecordError.ts"

/**
 * Writes a page to a file atomically. Only this user can read a new file. Replaces a page of jiji and keeps its mode, but
 * never replaces any other file.
 */
export const writePage = Effect.fnUntraced(
  function* (file: string, page: string) {
    const fs = yield* FileSystem.FileSystem
    const existing = yield* Effect.catchIf(
      fs.stat(file),
      ({ reason }) => reason._tag === "NotFound",
      () => Effect.undefined
    )
    if (existing !== undefined) {
      // Reads only regular files: reading a pipe would block.
      const isPage = existing.type === "File" && (yield* fs.readFileString(file)).startsWith(pageSignature)
      if (!isPage) return yield* new PageTaken({ file })
    }
    const temporary = `${file}.${randomUUID().slice(0, 8)}.tmp`
    // The page shows the run history, which only this user can read.
    yield* fs.writeFileString(temporary, page, { flag: "wx", mode: 0o600 }).pipe(
      Effect.andThen(existing === undefined ? Effect.void : fs.chmod(temporary, existing.mode & 0o777)),
      Effect.andThen(fs.rename(temporary, file)),
      Effect.onError(() => Effect.ignore(fs.remove(temporary, { force: true })))
    )
  },
  (effect, file) =>
    Effect.catchTag(effect, "PlatformError", (reason) => Effect.fail(new PageNotWritten({ file, reason })))
)
