import { Effect, FileSystem } from "effect"
import { join } from "node:path"
import { SshFileUnusable } from "../SshError.ts"

/** The ssh_config files of this machine. Each is read once. */
export interface ConfigFiles {
  /** The user's file and the system's, in the order in which OpenSSH reads them. */
  readonly roots: ReadonlyArray<{ readonly path: string; readonly isUsers: boolean }>
  /** The lines of a file; none if it does not exist. */
  lines(file: string, isUsers: boolean): Effect.Effect<ReadonlyArray<string>, SshFileUnusable>
  /** The files that an Include names, sorted. */
  glob(pattern: string, isUsers: boolean): Effect.Effect<ReadonlyArray<string>, SshFileUnusable>
}

/** A part of a path as a regular expression, with the wildcards of glob(3). */
const segmentPattern = (segment: string): RegExp => {
  const source = segment.replaceAll(
    /\[(!?)([^\]]+)\]|[*?]|[.+^${}()|[\]\\]/g,
    (text, not: string | undefined, set: string) => {
      if (text === "*") return ".*"
      if (text === "?") return "."
      return set === undefined ? `\\${text}` : `[${not === "!" ? "^" : ""}${set.replaceAll(/[\\^[]/g, "\\$&")}]`
    }
  )
  return new RegExp(`^${source}$`, "s")
}

export const make = Effect.fnUntraced(function* (options: { readonly home: string; readonly system: string }) {
  const fs = yield* FileSystem.FileSystem
  const { home, system } = options
  const unusable = (file: string, cause: unknown, operation: "read" | "parse" = "read") =>
    new SshFileUnusable({ file, operation, cause })
  const known = new Map<string, ReadonlyArray<string>>()

  /** OpenSSH refuses a user's file that others could have written. */
  const checkOwner = Effect.fnUntraced(function* (file: string) {
    const uid = process.getuid?.()
    if (uid === undefined) return
    const { mode, uid: owner } = yield* fs.stat(file).pipe(Effect.mapError((cause) => unusable(file, cause)))
    const other = owner._tag === "Some" && owner.value !== 0 && owner.value !== uid
    if (other || (mode & 0o022) !== 0)
      return yield* unusable(file, new Error(other ? "it belongs to another user" : "other users may write to it"))
  })

  const lines = Effect.fnUntraced(function* (file: string, isUsers: boolean) {
    const before = known.get(file)
    if (before !== undefined) return before
    const text = yield* fs.readFileString(file).pipe(
      Effect.catchReason("PlatformError", "NotFound", () => Effect.undefined),
      Effect.mapError((cause) => unusable(file, cause))
    )
    if (text !== undefined && isUsers) yield* checkOwner(file)
    const read = text === undefined ? [] : text.split("\n")
    known.set(file, read)
    return read
  })

  const glob = Effect.fnUntraced(function* (pattern: string, isUsers: boolean) {
    if (/^~[^/]/.test(pattern)) return yield* unusable(pattern, new Error("jiji does not expand ~USER"), "parse")
    const base = isUsers ? join(home, ".ssh") : system
    const path =
      pattern === "~" || pattern.startsWith("~/")
        ? join(home, pattern.slice(1))
        : pattern.startsWith("/")
          ? pattern
          : `${base}/${pattern}`
    let found = [""]
    for (const segment of path.split("/").filter((part) => part !== "")) {
      if (!/[*?[]/.test(segment)) {
        found = found.map((folder) => `${folder}/${segment}`)
        continue
      }
      const wanted = segmentPattern(segment)
      const next: Array<string> = []
      for (const folder of found) {
        const names = yield* fs.readDirectory(folder === "" ? "/" : folder).pipe(Effect.orElseSucceed(() => []))
        for (const name of names)
          if (wanted.test(name) && (segment.startsWith(".") || !name.startsWith("."))) next.push(`${folder}/${name}`)
      }
      found = next
    }
    return found.toSorted()
  })

  return {
    roots: [
      { path: join(home, ".ssh", "config"), isUsers: true },
      { path: join(system, "ssh_config"), isUsers: false }
    ],
    lines,
    glob
  } satisfies ConfigFiles
})
