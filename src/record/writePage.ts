import { randomUUID } from "node:crypto"
import { Effect, FileSystem } from "effect"
import { beginning } from "./page.ts"
import { PageNotWritten, PageTaken } from "./RecordError.ts"

/**
 * Writes a page to a file, whole or not at all, for this user's eyes alone. A page that was written before is written
 * over, and whoever could read that may read it; any other file is left as it is.
 */
export const writePage = Effect.fnUntraced(
  function* (file: string, page: string) {
    const fs = yield* FileSystem.FileSystem
    const there = yield* Effect.catchIf(
      fs.stat(file),
      ({ reason }) => reason._tag === "NotFound",
      () => Effect.undefined
    )
    if (there !== undefined) {
      // A pipe would be waited for; what cannot be read as text is no page either.
      const isPage = there.type === "File" && (yield* fs.readFileString(file)).startsWith(beginning)
      if (!isPage) return yield* new PageTaken({ file })
    }
    const next = `${file}.${randomUUID().slice(0, 8)}.tmp`
    // It shows what the record has, which nobody else may read either.
    yield* fs.writeFileString(next, page, { flag: "wx", mode: 0o600 }).pipe(
      Effect.andThen(there === undefined ? Effect.void : fs.chmod(next, there.mode & 0o777)),
      Effect.andThen(fs.rename(next, file)),
      Effect.onError(() => Effect.ignore(fs.remove(next, { force: true })))
    )
  },
  (effect, file) =>
    Effect.catchTag(effect, "PlatformError", (reason) => Effect.fail(new PageNotWritten({ file, reason })))
)
