import { createHash } from "node:crypto"
import { Effect, FileSystem, Path } from "effect"

/** Left out: what says how to deploy, what holds secrets, and what other tools keep there. */
const ignored = /^(\.git|\.jiji|\.env(\..*)?)$/

/**
 * A hash of the names and contents of the files in some folders: the version of a project that is in no repository.
 * Twelve hexadecimal digits.
 */
export const contextHash = Effect.fnUntraced(function* (folders: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const hash = createHash("sha256")
  const walk = (folder: string): Effect.Effect<void, never> =>
    Effect.gen(function* () {
      const names = yield* Effect.orElseSucceed(fs.readDirectory(folder), (): Array<string> => [])
      for (const name of names.filter((each) => !ignored.test(each)).sort()) {
        const file = path.join(folder, name)
        // What goes away or cannot be read meanwhile is the build's to report.
        const info = yield* Effect.option(fs.stat(file))
        if (info._tag === "None") continue
        hash.update(`${info.value.type} ${file.slice(folder.length)}\0`)
        if (info.value.type === "Directory") yield* walk(file)
        if (info.value.type === "File") {
          hash.update(yield* Effect.orElseSucceed(fs.readFile(file), () => new Uint8Array()))
        }
      }
    })
  for (const folder of folders) yield* walk(folder)
  return hash.digest("hex").slice(0, 12)
})
