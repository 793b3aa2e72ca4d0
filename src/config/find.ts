import { Effect, FileSystem, Path, Schema } from "effect"
import { accessDenied, defineError } from "../core/defineError.ts"
import { environmentPattern } from "./fields.ts"
import { suggest } from "./suggest.ts"
import { faultRemedy, FileFault, faultText, readRegularFile } from "./regularFile.ts"
import { joinWords } from "../core/text.ts"

/** There is no deploy file at the path of `-c`, or none in the current folder and its parents. */
export class ConfigNotFound extends defineError<ConfigNotFound>()("ConfigNotFound", {
  fields: { path: Schema.String, named: Schema.Boolean },
  message: (e) =>
    e.named ? `The file ${e.path} does not exist.` : `There is no .jiji/deploy.yml in ${e.path} or a parent folder.`,
  remedy: "Change to the project's folder, or name the deploy file with `-c FILE`.",
  exitCode: "configuration",
  sample: { path: "/home/me/shop", named: false }
}) {}

/** The deploy file exists, but cannot be read. */
export class ConfigUnreadable extends defineError<ConfigUnreadable>()("ConfigUnreadable", {
  fields: { file: Schema.String, reason: FileFault },
  message: (e) => `${e.file} ${faultText(e.reason)}`,
  remedy: (e) => faultRemedy(e.reason, "a file"),
  exitCode: "configuration",
  sample: { file: ".jiji/deploy.yml", reason: accessDenied(".jiji/deploy.yml") }
}) {}

/** The environment has no file. */
export class EnvironmentNotFound extends defineError<EnvironmentNotFound>()("EnvironmentNotFound", {
  fields: { environment: Schema.String, file: Schema.String, known: Schema.Array(Schema.String) },
  message: (e) => `The environment "${e.environment}" has no file ${e.file}.`,
  remedy: (e) => {
    if (e.environment === "sandbox") return "Run `jiji sandbox` in another terminal, and keep it open."
    if (e.known.length === 0) return `Create ${e.file} with the settings that differ, or leave out \`-e\`.`
    const near = suggest(e.environment, e.known)
    return near === undefined
      ? `Use an environment that has a file (${joinWords(e.known, "or")}), or create ${e.file}.`
      : `Did you mean \`-e ${near}\`?`
  },
  exitCode: "configuration",
  sample: { environment: "stagign", file: ".jiji/deploy.stagign.yml", known: ["staging"] }
}) {}

/** A deploy file or environment file. `shown` is its path for messages. */
export interface ConfigFile {
  readonly shown: string
  readonly bytes: Uint8Array
}

/** Finds and reads the deploy file and the environment's file, if an environment is given. Also returns the project's folder. */
export const find = Effect.fnUntraced(function* (options: {
  readonly cwd: string
  readonly config?: string
  readonly environment?: string
}) {
  const path = yield* Path.Path
  const show = (file: string): string => {
    const relative = path.relative(options.cwd, file)
    return relative === "" || relative.startsWith("..") || path.isAbsolute(relative) ? file : relative
  }
  const file = yield* locate(options)
  const base = yield* read(file, show(file))
  if (base === undefined) return yield* new ConfigNotFound({ path: show(file), named: true })
  const folder = path.dirname(file)
  const root = path.basename(folder) === ".jiji" ? path.dirname(folder) : folder
  if (options.environment === undefined) return { root, files: [base] as const }
  const { ext, name } = path.parse(file)
  const named = path.join(folder, `${name}.${options.environment}${ext}`)
  // Do not read files in other folders for names such as `../x`.
  const above = environmentPattern.test(options.environment) ? yield* read(named, show(named)) : undefined
  if (above !== undefined) return { root, files: [base, above] as const }
  const known = yield* environments(folder, name, ext)
  return yield* new EnvironmentNotFound({ environment: options.environment, file: show(named), known })
})

/** Returns the requested file, or the suggest `.jiji/deploy.yml` in the current folder or a parent folder. */
const locate = Effect.fnUntraced(function* (options: { readonly cwd: string; readonly config?: string }) {
  const path = yield* Path.Path
  const fs = yield* FileSystem.FileSystem
  if (options.config !== undefined) return path.resolve(options.cwd, options.config)
  for (let folder = path.resolve(options.cwd); ; folder = path.dirname(folder)) {
    const file = path.join(folder, ".jiji", "deploy.yml")
    // A link that leads nowhere or to itself is there, too, and reading it says what is wrong.
    const isLink = Effect.isSuccess(fs.readLink(file))
    const isThere = Effect.match(fs.stat(file), {
      onSuccess: () => true,
      onFailure: ({ reason }) => reason._tag === "PermissionDenied"
    })
    if ((yield* isThere) || (yield* isLink)) return file
    if (folder === path.dirname(folder)) return yield* new ConfigNotFound({ path: options.cwd, named: false })
  }
})

const read = Effect.fnUntraced(function* (file: string, shown: string) {
  const bytes = yield* Effect.mapError(readRegularFile(file), (reason) => new ConfigUnreadable({ file: shown, reason }))
  if (bytes === undefined) {
    const fs = yield* FileSystem.FileSystem
    const target = yield* Effect.option(fs.readLink(file))
    if (target._tag === "Some") return yield* new ConfigUnreadable({ file: shown, reason: "dangling" })
  }
  return bytes === undefined ? undefined : ({ shown, bytes } satisfies ConfigFile)
})

/** Returns the names of the environments that have a file next to the deploy file. */
const environments = Effect.fnUntraced(function* (folder: string, name: string, ext: string) {
  const fs = yield* FileSystem.FileSystem
  const files = yield* Effect.orElseSucceed(fs.readDirectory(folder), (): ReadonlyArray<string> => [])
  return files
    .filter((file) => file.startsWith(`${name}.`) && file.endsWith(ext) && file.length > name.length + ext.length + 1)
    .map((file) => file.slice(name.length + 1, file.length - ext.length))
    .sort()
})
