/** Splits a line into words as a shell does: at spaces, but not within quotes. Fails with a sentence. */
export const splitWords = (line: string): ReadonlyArray<string> => {
  const words: Array<string> = []
  let word: string | undefined
  let quote = ""
  for (let at = 0; at < line.length; at++) {
    const character = line.charAt(at)
    if (quote !== "") {
      if (character === quote) quote = ""
      else word = `${word ?? ""}${character === "\\" && quote === '"' ? line.charAt(++at) : character}`
    } else if (character === '"' || character === "'") {
      quote = character
      word ??= ""
    } else if (character === "\\") word = `${word ?? ""}${line.charAt(++at)}`
    else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = `${word ?? ""}${character}`
  }
  if (quote !== "") throw new Error(`A quote (${quote}) is not closed.`)
  return word === undefined ? words : [...words, word]
}

/** A word as one types it in a shell. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

/** Words as one types them in a shell. */
export const joinShell = (words: ReadonlyArray<string>): string => words.map(quoted).join(" ")
