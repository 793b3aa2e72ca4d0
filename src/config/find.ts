import { Effect, FileSystem, Path, Schema } from "effect"
import { ExitCode } from "../core/Failure.ts"
import { environmentPattern } from "./fields.ts"
import { suggest } from "./suggest.ts"
import { faultRemedy, FileFault, faultText, readRegularFile } from "./regularFile.ts"
import { joinWords } from "../core/text.ts"

/** The deploy file does not exist. */
export class ConfigNotFound extends Schema.TaggedError<ConfigNotFound>()("ConfigNotFound", {
  /** The file that was requested, or the folder where the search started. */
  path: Schema.String,
  named: Schema.Boolean
}) {
  override get message() {
    return this.named
      ? `There is no file ${this.path}.`
      : `There is no .jiji/deploy.yml in ${this.path} or any folder above it.`
  }
  get remedy() {
    return "Change to the project's folder, or name its file with `-c FILE`."
  }
  get exitCode() {
    return ExitCode.configuration
  }
}

/** A deploy file exists but cannot be read. */
export class ConfigUnreadable extends Schema.TaggedError<ConfigUnreadable>()("ConfigUnreadable", {
  file: Schema.String,
  reason: FileFault
}) {
  override get message() {
    return `${this.file} ${faultText(this.reason)}`
  }
  get remedy() {
    return faultRemedy(this.reason, "a file")
  }
  get exitCode() {
    return ExitCode.configuration
  }
}

/** The environment has no file. */
export class EnvironmentNotFound extends Schema.TaggedError<EnvironmentNotFound>()("EnvironmentNotFound", {
  environment: Schema.String,
  file: Schema.String,
  /** The environments that have a file. */
  known: Schema.Array(Schema.String)
}) {
  override get message() {
    return `The environment "${this.environment}" has no file ${this.file}.`
  }
  get remedy() {
    if (this.environment === "sandbox") return "Run `jiji sandbox` in another terminal, and keep it open."
    if (this.known.length === 0) return `Write what differs in it into ${this.file}, or leave \`-e\` out.`
    const near = suggest(this.environment, this.known)
    return near === undefined
      ? `Name one that has a file (${joinWords(this.known, "or")}), or write ${this.file}.`
      : `Did you mean \`-e ${near}\`?`
  }
  get exitCode() {
    return ExitCode.configuration
  }
}

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

/** Returns the requested file, or the nearest `.jiji/deploy.yml` in the current folder or a parent folder. */
const locate = Effect.fnUntraced(function* (options: { readonly cwd: string; readonly config?: string }) {
  const path = yield* Path.Path
  const fs = yield* FileSystem.FileSystem
  if (options.config !== undefined) return path.resolve(options.cwd, options.config)
  for (let folder = path.resolve(options.cwd); ; folder = path.dirname(folder)) {
    const file = path.join(folder, ".jiji", "deploy.yml")
    const there = yield* Effect.orElseSucceed(fs.exists(file), () => false)
    if (there) return file
    if (folder === path.dirname(folder)) return yield* new ConfigNotFound({ path: options.cwd, named: false })
  }
})

const read = Effect.fnUntraced(function* (file: string, shown: string) {
  const bytes = yield* Effect.mapError(readRegularFile(file), (reason) => new ConfigUnreadable({ file: shown, reason }))
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
