import { randomUUID } from "node:crypto"
import { Effect, FileSystem } from "effect"
import { beginning } from "./page.ts"
import { PageNotWritten, PageTaken } from "./RecordError.ts"

/**
 * Writes a page to a file, whole or not at all. A page that was written before is written over; any other file is left as
 * it is.
 */
export const writePage = Effect.fnUntraced(
  function* (file: string, page: string) {
    const fs = yield* FileSystem.FileSystem
    if (yield* fs.exists(file)) {
      // What cannot be read as text is no page either.
      const there = yield* fs.readFileString(file)
      if (!there.startsWith(beginning)) return yield* new PageTaken({ file })
    }
    const next = `${file}.${randomUUID().slice(0, 8)}.tmp`
    yield* fs.writeFileString(next, page).pipe(
      Effect.andThen(fs.rename(next, file)),
      Effect.onError(() => Effect.ignore(fs.remove(next, { force: true })))
    )
  },
  (effect, file) =>
    Effect.catchTag(effect, "PlatformError", (reason) => Effect.fail(new PageNotWritten({ file, reason })))
)
