import { cutMark } from "./text.ts"

/** The length of the shortest pattern, in characters. Shorter ones are ignored. */
export const minPatternLength = 4

/** Patterns are indexed by a prefix: the longest of these lengths that a pattern has. */
const prefixLengths = [64, 32, 16, 8, minPatternLength]

/** Returns a 16-bit hash of the 4 characters at a position. */
const hashAt = (text: string, at: number): number =>
  (text.charCodeAt(at) ^
    (text.charCodeAt(at + 1) << 4) ^
    (text.charCodeAt(at + 2) << 8) ^
    (text.charCodeAt(at + 3) << 12)) &
  0xffff

type Range = readonly [start: number, end: number]

/** A set of strings to find in texts. The time to search a text hardly depends on the number of patterns. */
export interface PatternSet {
  /** Adds a pattern, unless it is shorter than {@link minPatternLength}. */
  add(pattern: string): void
  /**
   * Returns the parts of a text that match, as [start, end), in order. Overlapping matches are merged into one range. If a
   * text was cut in the middle of a pattern, what is left of the pattern matches, too.
   */
  ranges(text: string): ReadonlyArray<Range>
}

/** Creates an empty set. */
export const make = (): PatternSet => {
  const known = new Set<string>()
  let longest = 0
  /** Has a 1 for the hash of each pattern's beginning. Most positions of a text are skipped after one look at it. */
  const hashes = new Uint8Array(1 << 16)
  const byShortestPrefix = new Map<string, Array<string>>()
  const indexes = prefixLengths.map((length) => ({ length, patterns: new Map<string, Array<string>>() }))

  const addTo = (patterns: Map<string, Array<string>>, prefix: string, pattern: string): void => {
    const samePrefix = patterns.get(prefix)
    if (samePrefix === undefined) patterns.set(prefix, [pattern])
    else samePrefix.push(pattern)
  }

  const add = (pattern: string): void => {
    const index = indexes.find(({ length }) => pattern.length >= length)
    if (index === undefined || known.has(pattern)) return
    known.add(pattern)
    hashes[hashAt(pattern, 0)] = 1
    longest = Math.max(longest, pattern.length)
    addTo(byShortestPrefix, pattern.slice(0, minPatternLength), pattern)
    addTo(index.patterns, pattern.slice(0, index.length), pattern)
  }

  /** Returns the length of the longest pattern that starts at a position, or 0. */
  const lengthAt = (text: string, position: number): number => {
    if (hashes[hashAt(text, position)] === 0) return 0
    if (!byShortestPrefix.has(text.slice(position, position + minPatternLength))) return 0
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

  /** Returns the longest part before `end` that is the beginning of a pattern. */
  const beginningBefore = (text: string, from: number, end: number): ReadonlyArray<Range> => {
    for (let start = Math.max(from, end - longest); start <= end - minPatternLength; start++) {
      const patterns = byShortestPrefix.get(text.slice(start, start + minPatternLength)) ?? []
      const rest = patterns.length === 0 ? "" : text.slice(start, end)
      if (patterns.some((pattern) => pattern.startsWith(rest))) return [[start, end]]
    }
    return []
  }

  /** Returns the beginnings of patterns that stand before a cut. */
  const cutRanges = (text: string): ReadonlyArray<Range> => {
    const found: Array<Range> = []
    let from = 0
    for (let end = text.indexOf(cutMark); end >= 0; end = text.indexOf(cutMark, from)) {
      found.push(...beginningBefore(text, from, end))
      from = end + cutMark.length
    }
    return found
  }

  const merge = (ranges: Array<Range>): ReadonlyArray<Range> => {
    const merged: Array<Range> = []
    for (const [start, end] of ranges.sort((a, b) => a[0] - b[0])) {
      const last = merged.at(-1)
      if (last !== undefined && start < last[1]) merged[merged.length - 1] = [last[0], Math.max(last[1], end)]
      else merged.push([start, end])
    }
    return merged
  }

  const ranges = (text: string): ReadonlyArray<Range> => {
    if (known.size === 0) return []
    const found: Array<Range> = []
    for (let start = 0; start <= text.length - minPatternLength; start++) {
      const length = lengthAt(text, start)
      if (length > 0) found.push([start, start + length])
    }
    const beginnings = cutRanges(text)
    return found.length === 0 && beginnings.length === 0 ? found : merge([...found, ...beginnings])
  }

  return { add, ranges }
}
