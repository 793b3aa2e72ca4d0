import { Effect, type FileSystem, Path, Result } from "effect"
import { homeFolder } from "../core/homeFolder.ts"
import { BuiltinCommands } from "./aliases.ts"
import { check, inOrder } from "./check.ts"
import { type ConfigNotFound, type ConfigUnreadable, type EnvironmentNotFound, find } from "./find.ts"
import { child, entries } from "./Located.ts"
import { readProjectFiles } from "./mountedFiles.ts"
import { ConfigInvalid } from "./Problem.ts"
import type { Project } from "./Project.ts"
import { resolveProject } from "./resolve.ts"

/** What to load. */
export interface LoadOptions {
  /** The absolute path of the folder where the search for `.jiji/deploy.yml` starts. Paths in messages are relative to it. */
  readonly cwd: string
  /** The deploy file to use instead of searching. Absolute, or relative to `cwd`. */
  readonly config?: string
  /** The environment whose file (`deploy.ENVIRONMENT.yml`) to merge on top. */
  readonly environment?: string
}

/** The errors of {@link load}. */
export type ConfigError = ConfigNotFound | ConfigUnreadable | EnvironmentNotFound | ConfigInvalid

/**
 * Loads a project. Finds deploy.yml in `cwd` or the nearest parent folder, merges the environment's file on top, validates
 * the result and fills in defaults.
 *
 * Fails with ConfigNotFound, ConfigUnreadable or EnvironmentNotFound if a file is missing or unreadable. Fails with
 * ConfigInvalid if there are mistakes in the files; it lists all of them.
 */
export const load = Effect.fn("load")(function* (
  options: LoadOptions
): Effect.fn.Return<Project, ConfigError, FileSystem.FileSystem | Path.Path> {
  const path = yield* Path.Path
  const { files, root } = yield* find(options)
  const checked = check(files, yield* BuiltinCommands)
  const { tree: found } = Result.merge(checked)
  const mounted = found === undefined ? { contents: new Map(), problems: [] } : yield* readProjectFiles(found, root)
  const problems = [...(Result.isFailure(checked) ? checked.failure.problems : []), ...mounted.problems]
  if (Result.isFailure(checked) || problems.length > 0) {
    return yield* new ConfigInvalid({ problems: inOrder(files, problems) })
  }
  const { deploy, tree } = checked.success
  const names = (key: "servers" | "services" | "hooks" | "triggers") => entries(child(tree, key)).map(([name]) => name)
  return resolveProject(deploy, {
    root,
    home: homeFolder(),
    ...(options.environment !== undefined && { environment: options.environment }),
    order: {
      servers: names("servers"),
      services: names("services"),
      hooks: names("hooks"),
      triggers: names("triggers")
    },
    contents: mounted.contents,
    join: path.resolve
  })
})
