import { Clock, Context, Effect, Layer } from "effect"
import { readdirSync, statSync } from "node:fs"
import { basename, join } from "node:path"

/** A folder with a deploy.yml. */
export interface ServedProject {
  /** The path of its folder below the served one, such as `clients/shop`. */
  readonly name: string
  /** Absolute. */
  readonly folder: string
}

/** How deep below the served folder a project may be. */
const maxDepth = 3
/** How many projects there can be. */
const maxProjects = 1000
/** How long a search is good for, in milliseconds. */
const keptFor = 1000

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false

const foldersIn = (folder: string): ReadonlyArray<string> => {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules")
      .map(({ name }) => name)
      .sort()
  } catch {
    // It is gone, or not ours to read.
    return []
  }
}

/** The projects in a folder. A folder that is a project itself is the only one. Does not follow links. */
const findProjects = (root: string): ReadonlyArray<ServedProject> => {
  const isProject = (folder: string) => isFile(join(folder, ".jiji/deploy.yml"))
  if (isProject(root)) return [{ name: basename(root), folder: root }]
  const found: Array<ServedProject> = []
  const search = (path: string, depth: number): void => {
    for (const name of foldersIn(join(root, path))) {
      if (found.length >= maxProjects) return
      const below = path === "" ? name : `${path}/${name}`
      const folder = join(root, below)
      if (isProject(folder)) found.push({ name: below, folder })
      else if (depth < maxDepth) search(below, depth + 1)
    }
  }
  search("", 1)
  return found
}

/** The projects that are served. */
export class Projects extends Context.Service<
  Projects,
  {
    readonly list: Effect.Effect<ReadonlyArray<ServedProject>>
    find(name: string): Effect.Effect<ServedProject | undefined>
  }
>()("jiji/serve/Projects") {
  static readonly layer = (root: string) =>
    Layer.sync(Projects, () => {
      let found: ReadonlyArray<ServedProject> = []
      let foundAt = Number.NEGATIVE_INFINITY
      const list = Effect.map(Clock.currentTimeMillis, (now) => {
        if (Math.abs(now - foundAt) > keptFor) {
          found = findProjects(root)
          foundAt = now
        }
        return found
      })
      return Projects.of({ list, find: (name) => Effect.map(list, (all) => all.find((each) => each.name === name)) })
    })
}
