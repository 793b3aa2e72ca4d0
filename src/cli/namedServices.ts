import { Effect } from "effect"
import type { Project } from "../config/Project.ts"
import { select } from "../config/select.ts"

/** The services that a command line names, and those on the chosen servers that match its globs. Each is there once. */
export const namedServices = Effect.fnUntraced(function* (
  project: Project,
  {
    globs,
    hosts,
    named
  }: {
    readonly globs: ReadonlyArray<string>
    readonly hosts: ReadonlyArray<string>
    readonly named: ReadonlyArray<string>
  }
) {
  const matching = globs.length === 0 ? [] : (yield* select(project, { servers: hosts, services: globs })).services
  return [...new Set([...named, ...matching.map(({ name }) => name)])]
})
