import { Effect, FileSystem, Path } from "effect"
import { readRegularFile } from "../../config/regularFile.ts"
import { builtinPipelines } from "./builtin.ts"
import { PipelineNotFound, PipelineUnreadable } from "./PipelineFileError.ts"

const extension = /\.[cm]?[jt]s$/

/** A pipeline file. */
export interface PipelineFile {
  /** Its argument for `jiji run`. */
  readonly name: string
  /** Absolute. */
  readonly path: string
  /** Relative to `cwd` if it is below it. */
  readonly displayPath: string
  /** The current folder. Absolute. */
  readonly cwd: string
}

/** A path for messages: relative if it is below the current folder. */
export const toDisplayPath = (path: Path.Path, cwd: string, file: string): string => {
  const relative = path.relative(cwd, file)
  return relative === "" || relative.startsWith("..") || path.isAbsolute(relative) ? file : relative
}

/** `.jiji/pipelines` in the nearest `.jiji` folder, searched for in a folder and its parents. */
const pipelinesFolder = Effect.fnUntraced(function* (cwd: string) {
  const path = yield* Path.Path
  const fs = yield* FileSystem.FileSystem
  for (let folder = path.resolve(cwd); ; folder = path.dirname(folder)) {
    const found = path.join(folder, ".jiji")
    if (yield* Effect.orElseSucceed(fs.exists(found), () => false)) return path.join(found, "pipelines")
    if (folder === path.dirname(folder)) return path.resolve(cwd, ".jiji/pipelines")
  }
})

/** The files in `.jiji/pipelines`, sorted by name; none if there is no such folder. */
export const listProjectPipelines = Effect.fnUntraced(function* (cwd: string) {
  const path = yield* Path.Path
  const fs = yield* FileSystem.FileSystem
  const folder = yield* pipelinesFolder(cwd)
  const names = yield* Effect.orElseSucceed(fs.readDirectory(folder), (): ReadonlyArray<string> => [])
  return names
    .filter((name) => extension.test(name) && !/\.(d|test)\.[cm]?[jt]s$/.test(name))
    .sort()
    .map((name): PipelineFile => {
      const file = path.join(folder, name)
      return { name: name.replace(extension, ""), path: file, displayPath: toDisplayPath(path, cwd, file), cwd }
    })
})

/** Whether an argument of `jiji run` is a path, and not the name of a pipeline in `.jiji/pipelines`. */
export const isPipelinePath = (nameOrPath: string): boolean =>
  extension.test(nameOrPath) || nameOrPath.includes("/") || nameOrPath.startsWith(".")

/** The file for an argument of `jiji run`: a path if it looks like one, else the name of a pipeline in `.jiji/pipelines`. */
export const findPipeline = Effect.fnUntraced(function* (cwd: string, nameOrPath: string) {
  const path = yield* Path.Path
  const isPath = isPipelinePath(nameOrPath)
  const known = isPath ? [] : yield* listProjectPipelines(cwd)
  const found = known.find(({ name }) => name === nameOrPath)
  const file = isPath
    ? path.resolve(cwd, nameOrPath)
    : (found?.path ?? path.join(yield* pipelinesFolder(cwd), `${nameOrPath}.ts`))
  const displayPath = toDisplayPath(path, cwd, file)
  const bytes = yield* Effect.mapError(
    readRegularFile(file),
    (reason) => new PipelineUnreadable({ file: displayPath, reason })
  )
  if (bytes === undefined) {
    const names = (yield* listProjectPipelines(cwd)).map(({ name }) => name)
    return yield* new PipelineNotFound({
      file: displayPath,
      known: names,
      ...(isPath ? {} : { wanted: nameOrPath, own: builtinPipelines.has(nameOrPath) })
    })
  }
  return { name: nameOrPath, path: file, displayPath, cwd } satisfies PipelineFile
})
