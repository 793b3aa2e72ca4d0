/** The length of the shortest pattern, in characters. Shorter ones are ignored. */
export const minPatternLength = 4

/** Patterns are indexed by a prefix: the longest of these lengths that a pattern has. */
const prefixLengths = [64, 32, 16, 8, minPatternLength]

/** A set of strings to find in texts. The time to search a text hardly depends on the number of patterns. */
export interface PatternSet {
  /** Adds a pattern, unless it is shorter than {@link minPatternLength}. */
  add(pattern: string): void
  /** Returns the parts of a text that match, as [start, end), in order. Overlapping matches are merged into one range. */
  ranges(text: string): ReadonlyArray<readonly [number, number]>
}

/** Creates an empty set. */
export const make = (): PatternSet => {
  const known = new Set<string>()
  const shortestPrefixes = new Set<string>()
  const indexes = prefixLengths.map((length) => ({ length, patterns: new Map<string, Array<string>>() }))

  const add = (pattern: string): void => {
    const index = indexes.find(({ length }) => pattern.length >= length)
    if (index === undefined || known.has(pattern)) return
    known.add(pattern)
    shortestPrefixes.add(pattern.slice(0, minPatternLength))
    const prefix = pattern.slice(0, index.length)
    const samePrefix = index.patterns.get(prefix)
    if (samePrefix === undefined) index.patterns.set(prefix, [pattern])
    else samePrefix.push(pattern)
  }

  /** Returns the length of the longest pattern that starts at a position, or 0. */
  const lengthAt = (text: string, position: number): number => {
    if (!shortestPrefixes.has(text.slice(position, position + minPatternLength))) return 0
    return indexes.reduce(
      (longest, { length, patterns }) =>
        (patterns.get(text.slice(position, position + length)) ?? []).reduce(
          (longest, pattern) =>
            pattern.length > longest && text.startsWith(pattern, position) ? pattern.length : longest,
          longest
        ),
      0
    )
  }

  const ranges = (text: string): ReadonlyArray<readonly [number, number]> => {
    const found: Array<readonly [number, number]> = []
    if (known.size === 0) return found
    for (let start = 0; start <= text.length - minPatternLength; start++) {
      const length = lengthAt(text, start)
      if (length === 0) continue
      const end = start + length
      const last = found.at(-1)
      if (last !== undefined && start < last[1]) found[found.length - 1] = [last[0], Math.max(last[1], end)]
      else found.push([start, end])
    }
    return found
  }

  return { add, ranges }
}
