/** The paths of one run's nodes, as they are published. */
interface Known {
  readonly shown: Map<string, string>
  /** Those that are not what they were. */
  readonly masked: Set<string>
}

/**
 * Paths with `scrub` applied to each part of them once for a run, however much it takes out later: a node's path is the
 * same from its beginning to its end, and begins with the path of what it stands in.
 */
export const publicPaths = (scrub: (text: string) => string) => {
  const runs = new Map<string, Known>()

  const shownIn = (known: Known, path: string): string => {
    const found = known.shown.get(path)
    if (found !== undefined) return found
    const at = Math.max(0, path.lastIndexOf(path.endsWith("]") ? "[" : "/"))
    const before = at === 0 ? "" : shownIn(known, path.slice(0, at))
    const own = path.slice(at)
    const part = scrub(own)
    let shown = before + part
    if (part !== own) {
      // Two items that are named by secrets are two nodes all the same.
      const end = part.endsWith("]") ? "]" : ""
      const rest = end === "" ? part : part.slice(0, -1)
      for (let n = 2; known.masked.has(shown); n++) shown = `${before}${rest}#${n}${end}`
      known.masked.add(shown)
    }
    known.shown.set(path, shown)
    return shown
  }

  return {
    /** A node's path, as it is published. */
    of: (run: string, path: string): string => {
      // What is said outside of a run has no end at which to forget it.
      if (run === "") return scrub(path)
      let known = runs.get(run)
      if (known === undefined) runs.set(run, (known = { shown: new Map(), masked: new Set() }))
      return shownIn(known, path)
    },
    /** Forgets a run that has ended. */
    end: (run: string): void => void runs.delete(run)
  }
}
