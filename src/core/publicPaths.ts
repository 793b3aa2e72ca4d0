import { scrubName } from "./scrubSchema.ts"

/** The published paths of the nodes of one run. */
interface RunPaths {
  /** Published path by original path. */
  readonly published: Map<string, string>
  /** The published paths from which something was removed. */
  readonly scrubbed: Set<string>
}

/** Removes secrets from one part of a path: `deploy`, `/pull` or `[web1]`. Brackets and slashes always stay. */
const scrubPart = (part: string, scrub: (text: string) => string): string => {
  if (part.startsWith("[") && part.endsWith("]")) return `[${scrub(part.slice(1, -1))}]`
  const slash = part.startsWith("/") ? "/" : ""
  return `${slash}${scrubName(part.slice(slash.length), { text: scrub })}`
}

/**
 * Removes secrets from node paths, except from the names of jiji's own nodes. Each part of a path is scrubbed once per run,
 * so a path stays the same from the node's first event to its last, even if more secrets become known meanwhile. A child's
 * path always begins with its parent's.
 */
export const publicPaths = (scrub: (text: string) => string) => {
  const runs = new Map<string, RunPaths>()

  const publicPath = (paths: RunPaths, path: string): string => {
    const known = paths.published.get(path)
    if (known !== undefined) return known
    const split = Math.max(0, path.lastIndexOf(path.endsWith("]") ? "[" : "/"))
    const parent = split === 0 ? "" : publicPath(paths, path.slice(0, split))
    const original = path.slice(split)
    const part = scrubPart(original, scrub)
    let published = parent + part
    if (part !== original) {
      // Two items whose keys are secrets would both be `<redacted>`, so number them.
      const end = part.endsWith("]") ? "]" : ""
      const stem = end === "" ? part : part.slice(0, -1)
      for (let n = 2; paths.scrubbed.has(published); n++) published = `${parent}${stem}#${n}${end}`
      paths.scrubbed.add(published)
    }
    paths.published.set(path, published)
    return published
  }

  return {
    /** Returns the path to publish for a node. */
    toPublic: (run: string, path: string): string => {
      // Events outside a run have no end at which to forget their paths.
      if (run === "") return publicPath({ published: new Map(), scrubbed: new Set() }, path)
      let paths = runs.get(run)
      if (paths === undefined) runs.set(run, (paths = { published: new Map(), scrubbed: new Set() }))
      return publicPath(paths, path)
    },
    /** Forgets the paths of a run that has ended. */
    forget: (run: string): void => void runs.delete(run)
  }
}
