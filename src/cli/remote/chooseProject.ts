import { Effect } from "effect"
import { find } from "../../config/find.ts"
import { child, written } from "../../config/Located.ts"
import { parseFile } from "../../config/readTree.ts"
import { oneLine } from "../../core/text.ts"
import type { Connection } from "./connect.ts"
import { RemoteProjectUnknown, RemoteRefused } from "./RemoteError.ts"
import type { Remote } from "./remoteFlags.ts"

/** The project's name in the nearest deploy.yml. Other mistakes in the file do not matter here. */
const localName = find({ cwd: process.cwd() }).pipe(
  Effect.map(({ files: [file] }) => written(child(parseFile(file).tree, "project"))),
  Effect.orElseSucceed(() => undefined)
)

const projectNames = ({ request }: Connection) =>
  Effect.map(
    request((api) => api.projects.listProjects()),
    (all) => all.map(({ name }) => name)
  )

/** Says which projects there are if one that was named is not. */
export const explainProject = <A, E, R>(
  connection: Connection,
  { project }: Remote,
  effect: Effect.Effect<A, E | RemoteRefused, R>
) =>
  Effect.catchIf(
    effect,
    (error): error is RemoteRefused =>
      error instanceof RemoteRefused && error.tag === "NotFound" && project !== undefined,
    Effect.fnUntraced(function* (error) {
      const projects = yield* projectNames(connection)
      if (project === undefined || projects.includes(project)) return yield* error
      return yield* new RemoteProjectUnknown({
        url: connection.url,
        projects: projects.map(oneLine),
        wanted: oneLine(project)
      })
    })
  )

/**
 * The project of the server that a command is about: the one that is named, else that of the current folder's deploy.yml, else, in a
 * folder without one, the only project of the server.
 */
export const chooseProject = Effect.fnUntraced(function* (connection: Connection, { project }: Remote) {
  if (project !== undefined) return project
  const { url } = connection
  const all = yield* projectNames(connection)
  const wanted = yield* localName
  const candidates =
    wanted === undefined ? all : all.includes(wanted) ? [wanted] : all.filter((name) => name.endsWith(`/${wanted}`))
  const [only, ...others] = candidates
  if (only !== undefined && others.length === 0) return only
  return yield* new RemoteProjectUnknown({
    url,
    projects: (candidates.length > 1 ? candidates : all).map(oneLine),
    ...(wanted !== undefined && candidates.length === 0 && { wanted })
  })
})
