import { posix } from "node:path"
import { Result } from "effect"
import { stringify } from "yaml"
import { check } from "../config/check.ts"
import { child, entries } from "../config/Located.ts"
import { ConfigInvalid } from "../config/Problem.ts"
import type { Project } from "../config/Project.ts"
import { resolveProject } from "../config/resolve.ts"

/** Where the project of a rehearsal lies, which is on no disk. */
const root = "/project"

/**
 * The project of a `deploy.yml` that is no file: its text, or the same as an object. It is checked as a file is; what is
 * wrong with it is thrown as {@link ConfigInvalid}, with all its lines. Its folder is `/project`, home `/home/me`.
 */
export const project = (deploy: string | Readonly<Record<string, unknown>>): Project => {
  const text = typeof deploy === "string" ? deploy : stringify(deploy)
  const shown = "deploy.yml"
  const checked = check([{ shown, bytes: new TextEncoder().encode(text) }])
  if (Result.isFailure(checked)) throw new ConfigInvalid({ problems: checked.failure })
  const { deploy: file, tree } = checked.success
  const names = (key: string) => entries(child(tree, key)).map(([name]) => name)
  const order = { servers: names("servers"), services: names("services"), hooks: names("hooks") }
  return resolveProject(file, { root, home: "/home/me", order, join: posix.resolve })
}
