import { Effect, FileSystem, Path } from "effect"
import { readRegularFile } from "../../config/regularFile.ts"
import { own } from "./builtin.ts"
import { PipelineNotFound, PipelineUnreadable } from "./PipelineFileError.ts"

const extension = /\.[cm]?[jt]s$/

/** A pipeline's file. */
export interface PipelineFile {
  /** What `jiji run` takes for it. */
  readonly name: string
  /** Absolute. */
  readonly path: string
  /** Its path as it is shown. */
  readonly shown: string
  /** What shown paths are relative to, where they are below it. Absolute. */
  readonly cwd: string
}

/** A path as it is shown: relative where it is below the current folder. */
export const shownFrom = (path: Path.Path, cwd: string, file: string): string => {
  const relative = path.relative(cwd, file)
  return relative === "" || relative.startsWith("..") || path.isAbsolute(relative) ? file : relative
}

/** The folder of the project's pipelines: `.jiji/pipelines` beside the nearest `.jiji` from a folder upwards. */
const folderOf = Effect.fnUntraced(function* (cwd: string) {
  const path = yield* Path.Path
  const fs = yield* FileSystem.FileSystem
  for (let folder = path.resolve(cwd); ; folder = path.dirname(folder)) {
    const found = path.join(folder, ".jiji")
    if (yield* Effect.orElseSucceed(fs.exists(found), () => false)) return path.join(found, "pipelines")
    if (folder === path.dirname(folder)) return path.resolve(cwd, ".jiji/pipelines")
  }
})

/** The files under `.jiji/pipelines`, by name; none where there is no such folder. */
export const projectPipelines = Effect.fnUntraced(function* (cwd: string) {
  const path = yield* Path.Path
  const fs = yield* FileSystem.FileSystem
  const folder = yield* folderOf(cwd)
  const names = yield* Effect.orElseSucceed(fs.readDirectory(folder), (): ReadonlyArray<string> => [])
  return names
    .filter((name) => extension.test(name) && !/\.(d|test)\.[cm]?[jt]s$/.test(name))
    .sort()
    .map((name): PipelineFile => {
      const file = path.join(folder, name)
      return { name: name.replace(extension, ""), path: file, shown: shownFrom(path, cwd, file), cwd }
    })
})

/**
 * The file that is meant by what follows `jiji run`: a path where it looks like one, else a name under
 * `.jiji/pipelines`.
 */
export const findPipeline = Effect.fnUntraced(function* (cwd: string, given: string) {
  const path = yield* Path.Path
  const isPath = extension.test(given) || given.includes("/") || given.startsWith(".")
  const known = isPath ? [] : yield* projectPipelines(cwd)
  const found = known.find(({ name }) => name === given)
  const file = isPath ? path.resolve(cwd, given) : (found?.path ?? path.join(yield* folderOf(cwd), `${given}.ts`))
  const shown = shownFrom(path, cwd, file)
  const bytes = yield* Effect.mapError(
    readRegularFile(file),
    (reason) => new PipelineUnreadable({ file: shown, reason })
  )
  if (bytes === undefined) {
    const names = (yield* projectPipelines(cwd)).map(({ name }) => name)
    return yield* new PipelineNotFound({
      file: shown,
      known: names,
      ...(isPath ? {} : { wanted: given, own: own.has(given) })
    })
  }
  return { name: given, path: file, shown, cwd } satisfies PipelineFile
})
