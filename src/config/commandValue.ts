/**
 * Returns the end of the `$(command)` that a text begins with: the position after the closing parenthesis, or 0 if it is
 * not closed. Returns undefined if the text does not begin with `$(`. Quotes and backslashes work as in a shell.
 */
export const commandEnd = (text: string): number | undefined => {
  if (!text.startsWith("$(")) return undefined
  let depth = 0
  let quote = ""
  for (let at = 1; at < text.length; at++) {
    const character = text.charAt(at)
    if (character === "\\" && quote !== "'") at++
    else if (quote !== "") quote = character === quote ? "" : quote
    else if (character === "'" || character === '"') quote = character
    else if (character === "(") depth++
    else if (character === ")" && --depth === 0) return at + 1
  }
  return 0
}

/** Returns the command if the whole text is `$(command)`. */
export const wholeCommand = (text: string): string | undefined =>
  commandEnd(text) === text.length ? text.slice(2, -1) : undefined
