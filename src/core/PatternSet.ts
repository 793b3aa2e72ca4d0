/** The length of the shortest text that is looked for. */
export const shortestPattern = 4

/** Texts are filed under their first characters: under as many of these as they have. */
const lengths = [64, 32, 16, 8, shortestPattern]

/** Texts to be found in others, in a time that hardly depends on how many there are. */
export interface PatternSet {
  /** Has a text looked for, if it is not too short. */
  add(text: string): void
  /** Where they stand, as begin and end, in order. Those that overlap are one. */
  places(text: string): ReadonlyArray<readonly [number, number]>
}

/** None yet. */
export const make = (): PatternSet => {
  const known = new Set<string>()
  const starts = new Set<string>()
  const files = lengths.map((length) => ({ length, needles: new Map<string, Array<string>>() }))

  const add = (text: string): void => {
    const file = files.find(({ length }) => text.length >= length)
    if (file === undefined || known.has(text)) return
    known.add(text)
    starts.add(text.slice(0, shortestPattern))
    const beginning = text.slice(0, file.length)
    const alike = file.needles.get(beginning)
    if (alike === undefined) file.needles.set(beginning, [text])
    else alike.push(text)
  }

  /** The length of the longest one that stands at a place, or 0. */
  const lengthAt = (text: string, at: number): number => {
    if (!starts.has(text.slice(at, at + shortestPattern))) return 0
    return files.reduce(
      (longest, { length, needles }) =>
        (needles.get(text.slice(at, at + length)) ?? []).reduce(
          (longest, needle) => (needle.length > longest && text.startsWith(needle, at) ? needle.length : longest),
          longest
        ),
      0
    )
  }

  const places = (text: string): ReadonlyArray<readonly [number, number]> => {
    const found: Array<readonly [number, number]> = []
    if (known.size === 0) return found
    for (let at = 0; at <= text.length - shortestPattern; at++) {
      const length = lengthAt(text, at)
      if (length === 0) continue
      const last = found.at(-1)
      if (last !== undefined && at < last[1]) found[found.length - 1] = [last[0], Math.max(last[1], at + length)]
      else found.push([at, at + length])
    }
    return found
  }

  return { add, places }
}
