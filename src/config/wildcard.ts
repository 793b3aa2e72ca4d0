/** All that is reached from some places of a text, in order, by passing over its characters up to a separator. */
const reached = (from: ReadonlyArray<number>, text: string, separator: string | undefined): ReadonlyArray<number> => {
  const places: Array<number> = []
  for (const place of from) {
    // From where another has come by already, it goes no further than that did.
    if (place <= (places.at(-1) ?? -1)) continue
    for (let at = place; at <= text.length; at++) {
      places.push(at)
      if (text[at] === separator) break
    }
  }
  return places
}

/**
 * Where what a pattern stands for may end, of a text that begins with it; nothing where it does not. In a pattern `**`
 * stands for any text, `*` for any without the separator, and all else for itself. The time it takes grows with both
 * lengths, and with nothing else of them: a regular expression may take for ever.
 */
export const matchEnds = (pattern: string, text: string, separator?: string): ReadonlyArray<number> =>
  pattern
    .split(/(\*+)/)
    .reduce<ReadonlyArray<number>>(
      (places, part) =>
        part.startsWith("*")
          ? reached(places, text, part === "*" ? separator : undefined)
          : places.filter((place) => text.startsWith(part, place)).map((place) => place + part.length),
      [0]
    )
