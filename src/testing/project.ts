import { posix } from "node:path"
import { Result } from "effect"
import { stringify } from "yaml"
import { check } from "../config/check.ts"
import { child, entries } from "../config/Located.ts"
import { ConfigInvalid } from "../config/Problem.ts"
import type { Project } from "../config/Project.ts"
import { resolveProject } from "../config/resolve.ts"

/** The project's folder in a rehearsal, which does not exist. */
const root = "/project"

/**
 * Makes a project from the text of a `deploy.yml`, or from the same content as an object. Checks it like a file; throws
 * {@link ConfigInvalid}, which lists all problems with their lines. The project's folder is `/project`, the home folder
 * `/home/me`.
 */
export const project = (deploy: string | Readonly<Record<string, unknown>>): Project => {
  const text = typeof deploy === "string" ? deploy : stringify(deploy)
  const shown = "deploy.yml"
  const checked = check([{ shown, bytes: new TextEncoder().encode(text) }])
  if (Result.isFailure(checked)) throw new ConfigInvalid({ problems: checked.failure.problems })
  const { deploy: file, tree } = checked.success
  const names = (key: string) => entries(child(tree, key)).map(([name]) => name)
  const order = { servers: names("servers"), services: names("services"), hooks: names("hooks") }
  return resolveProject(file, { root, home: "/home/me", order, join: posix.resolve })
}
