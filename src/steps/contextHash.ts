import { createHash } from "node:crypto"
import { Effect, FileSystem, Option, Path, Stream } from "effect"

/** Left out: deploy files, secrets, and git's own files. */
const ignored = /^(\.git|\.jiji|\.env(\..*)?)$/

/**
 * Hashes the names and contents of files and of everything in folders, for the version of a project that is not in a
 * git repository. Returns twelve hexadecimal digits.
 */
export const contextHash = Effect.fnUntraced(function* (paths: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const hash = createHash("sha256")
  /** `name` is the file's path within its folder. Files that vanish or cannot be read are left to the build to report. */
  const visit = (file: string, name: string): Effect.Effect<void> =>
    Effect.gen(function* () {
      // Only the link's text counts, as for the engine: it may lead out of the folder, or back into it.
      const link = yield* Effect.option(fs.readLink(file))
      if (Option.isSome(link)) return void hash.update(`link ${name}\0${link.value}\0`)
      const info = yield* Effect.option(fs.stat(file))
      if (Option.isNone(info)) return
      const { type } = info.value
      if (type === "File") {
        hash.update(`file ${name}\0${info.value.size}\0`)
        // In pieces: a context may hold files that are larger than memory.
        const pieces = fs.stream(file, { chunkSize: 1024 * 1024 })
        return yield* Effect.ignore(Stream.runForEach(pieces, (piece) => Effect.sync(() => hash.update(piece))))
      }
      hash.update(`${type} ${name}\0`)
      if (type !== "Directory") return
      const names = yield* Effect.orElseSucceed(fs.readDirectory(file), (): Array<string> => [])
      for (const each of names.filter((each) => !ignored.test(each)).sort()) {
        yield* visit(path.join(file, each), `${name}/${each}`)
      }
    })
  // For a link at the top, only its target matters.
  for (const each of paths) yield* visit(yield* Effect.orElseSucceed(fs.realPath(each), () => each), "")
  return hash.digest("hex").slice(0, 12)
})
