import { homedir } from "node:os"
import { Effect, type FileSystem, Path, Result } from "effect"
import { check } from "./check.ts"
import { type ConfigNotFound, type ConfigUnreadable, type EnvironmentNotFound, find } from "./find.ts"
import { child, entries } from "./Located.ts"
import { ConfigInvalid } from "./Problem.ts"
import type { Project } from "./Project.ts"
import { resolveProject } from "./resolve.ts"

export interface LoadOptions {
  /** Where the search starts, and what shown paths are relative to. Absolute. */
  readonly cwd: string
  /** The deploy file, in place of the one that is found by walking up. Relative to `cwd`, or absolute. */
  readonly config?: string
  /** The environment whose file is laid over it. */
  readonly environment?: string
}

export type ConfigError = ConfigNotFound | ConfigUnreadable | EnvironmentNotFound | ConfigInvalid

/** Loads the project: finds the files, lays them over each other, and reports every problem in them at once. */
export const load = Effect.fn("load")(function* (
  options: LoadOptions
): Effect.fn.Return<Project, ConfigError, FileSystem.FileSystem | Path.Path> {
  const path = yield* Path.Path
  const { files, root } = yield* find(options)
  const checked = check(files)
  if (Result.isFailure(checked)) return yield* new ConfigInvalid({ problems: checked.failure })
  const { deploy, tree } = checked.success
  const names = (key: "servers" | "services" | "hooks") => entries(child(tree, key)).map(([name]) => name)
  return resolveProject(deploy, {
    root,
    home: homedir(),
    ...(options.environment !== undefined && { environment: options.environment }),
    order: { servers: names("servers"), services: names("services"), hooks: names("hooks") },
    join: path.resolve
  })
})
