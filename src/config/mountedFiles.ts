import { Effect, FileSystem, Path, Redacted, Schema } from "effect"
import { checkedText, secretName, text } from "./fields.ts"
import { child, entries, items, type Located, placeOf, written } from "./Located.ts"
import { type KeyPath, type Problem, showPath } from "./Problem.ts"
import { faultText, readRegularFile } from "./regularFile.ts"

/** A small file that a container finds at `target`, read-only. */
export interface MountedFile {
  readonly source:
    | {
        readonly _tag: "Project"
        /** As in deploy.yml: relative to the project's folder. */
        readonly path: string
        readonly content: Redacted.Redacted<Uint8Array>
      }
    | { readonly _tag: "Secret"; readonly name: string }
  readonly target: string
  /** In octal digits, such as `0444`. */
  readonly mode: string
}

// A comma or a quote would end the path in the engine's option. A colon would end it in the short form.
const targetPattern = /^\/(?:[^,":\s]*[^,":\s/])$/u
const pathPattern = /^(?![/~])[^:\p{Cc}]*[^:\p{Cc}\s]$/u

const targetText = "an absolute path of a file in the container, such as /etc/nginx/nginx.conf"
const pathText = "the path of a file in the project, relative to its folder, such as config/nginx.conf"

/** Splits `path:target`. */
const split = (short: string): readonly [path: string, target: string] => {
  const colon = short.indexOf(":")
  return colon === -1 ? [short, ""] : [short.slice(0, colon), short.slice(colon + 1)]
}

const shortFault = (short: string): string | undefined => {
  const [path, target] = split(short)
  if (target === "") return "must be path:target, such as config/nginx.conf:/etc/nginx/nginx.conf"
  if (!pathPattern.test(path)) return `must begin with ${pathText}`
  return targetPattern.test(target) ? undefined : `must end with ${targetText}`
}

const modeFault = (mode: string): string | undefined =>
  /^0?[4-7][0-7]{2}$/u.test(mode)
    ? undefined
    : "must be permissions in octal digits, with which at least the owner can read, such as 0444"

const MountedFileKey = Schema.Union([
  Schema.String.check(Schema.makeFilter(shortFault)).annotate({
    description: "path in the project:path in the container",
    examples: ["config/nginx.conf:/etc/nginx/nginx.conf"]
  }),
  Schema.Struct({
    path: Schema.optionalKey(
      text(pathText, pathPattern, { description: "Path of the file in the project.", examples: ["config/nginx.conf"] })
    ),
    secret: Schema.optionalKey(
      secretName({
        description: "Name of a secret whose value is the file's content, instead of `path`.",
        examples: ["TLS_KEY"]
      })
    ),
    target: text(targetText, targetPattern, {
      description: "Path in the container.",
      examples: ["/run/secrets/tls.key"]
    }),
    mode: Schema.optionalKey(
      checkedText(modeFault, {
        description: "Permissions of the file. Its owner is the SSH user, not the container's.",
        default: "0444",
        examples: ["0444"]
      })
    )
  })
])

/** The key `files` of a service. */
export const filesKey = Schema.optionalKey(
  Schema.Array(MountedFileKey).annotate({
    description:
      "Small files to mount read-only: `path:target` for a file of the project, or a map with `path` or `secret`, `target` and `mode`. At most 1 MiB each. If one changes, the container is replaced."
  })
)

type FilesKey = ReadonlyArray<typeof MountedFileKey.Type>

/** Returns the files of a service. `contents` are those of the project's files by their paths in deploy.yml. */
export const mountedFiles = (files: FilesKey, contents: ReadonlyMap<string, Uint8Array>): ReadonlyArray<MountedFile> =>
  files.map((file) => {
    const [path, target] = typeof file === "string" ? split(file) : [file.path, file.target]
    const mode = typeof file === "string" ? "0444" : (file.mode ?? "0444").padStart(4, "0")
    if (typeof file !== "string" && file.secret !== undefined) {
      return { source: { _tag: "Secret", name: file.secret }, target, mode }
    }
    const content = Redacted.make(contents.get(path ?? "") ?? new Uint8Array())
    return { source: { _tag: "Project", path: path ?? "", content }, target, mode }
  })

/** The path in the project of a file in the tree, if it has one. */
const pathIn = (file: Located): string | undefined =>
  file._tag === "Scalar" ? split(written(file) ?? "")[0] : written(child(file, "path"))

/** The path in the container of a file in the tree, if it has one. */
export const targetIn = (file: Located): string | undefined =>
  file._tag === "Scalar" ? split(written(file) ?? "")[1] : written(child(file, "target"))

/** Reports files with both a path and a secret, or with neither. */
export const checkFiles = (service: Located, path: KeyPath, report: (path: KeyPath, message: string) => void) => {
  for (const [index, file] of items(child(service, "files")).entries()) {
    if (file._tag !== "Map") continue
    const both = child(file, "path") !== undefined && child(file, "secret") !== undefined
    const neither = child(file, "path") === undefined && child(file, "secret") === undefined
    if (both) report([...path, "files", index], "has both path and secret; remove one")
    if (neither)
      report([...path, "files", index], "needs either path, a file of the project, or secret, the name of a secret")
  }
}

/** Reads a file of the project. Fails with what is wrong with it. */
const readProjectFile = Effect.fnUntraced(function* (root: string, file: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const whole = path.join(root, file)
  const bytes = yield* Effect.mapError(
    readRegularFile(whole),
    (fault) => `${file} ${faultText(fault).replace(/\.$/u, "")}`
  )
  if (bytes === undefined) return yield* Effect.fail(`${file} does not exist in the project`)
  const real = (name: string) => Effect.orElseSucceed(fs.realPath(name), () => name)
  const inside = path.relative(yield* real(root), yield* real(whole))
  if (inside.startsWith("..") || path.isAbsolute(inside)) {
    return yield* Effect.fail(`${file} is outside the project's folder; copy the file into it`)
  }
  return bytes
})

/**
 * Reads the project's files that services mount. Returns their contents by their paths in deploy.yml, and a problem for
 * each that cannot be read.
 */
export const readProjectFiles = Effect.fnUntraced(function* (tree: Located, root: string) {
  const contents = new Map<string, Uint8Array>()
  const problems: Array<Problem> = []
  for (const [name, service] of entries(child(tree, "services"))) {
    for (const [index, item] of items(child(service, "files")).entries()) {
      const file = pathIn(item)
      // The schema reports a missing target, and other paths.
      if (file === undefined || !targetIn(item) || !pathPattern.test(file) || contents.has(file)) continue
      const key = ["services", name, "files", index]
      yield* Effect.match(readProjectFile(root, file), {
        onSuccess: (bytes) => contents.set(file, bytes),
        onFailure: (message) => problems.push({ ...placeOf(tree, key), path: showPath(key), message })
      })
    }
  }
  return { contents, problems }
})
