/** Returns all positions that a star can reach from the given positions, in order. A star stops at the separator. */
const reachable = (from: ReadonlyArray<number>, text: string, separator: string | undefined): ReadonlyArray<number> => {
  const positions: Array<number> = []
  for (const start of from) {
    // An earlier start has passed this position already, and reaches the same end.
    if (start <= (positions.at(-1) ?? -1)) continue
    for (let position = start; position <= text.length; position++) {
      positions.push(position)
      if (text[position] === separator) break
    }
  }
  return positions
}

/**
 * Returns the positions where a match that starts at the beginning of the text can end. If there are none, the text does not
 * begin with the pattern. `**` matches any text, `*` any text without the separator, and other characters match themselves.
 *
 * The time is at most proportional to the product of the two lengths. A regular expression could take exponential time.
 */
export const matchEnds = (pattern: string, text: string, separator?: string): ReadonlyArray<number> =>
  pattern
    .split(/(\*+)/)
    .reduce<ReadonlyArray<number>>(
      (positions, part) =>
        part.startsWith("*")
          ? reachable(positions, text, part === "*" ? separator : undefined)
          : positions.filter((position) => text.startsWith(part, position)).map((position) => position + part.length),
      [0]
    )
