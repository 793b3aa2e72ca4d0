/**
 * Where the command ends that a text begins with: behind the parenthesis that closes its `$(`, or 0 where none does;
 * nothing where the text does not begin with `$(`. Quotes and backslashes count as in a shell.
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

/** The command of a text that is one as a whole: `op read op://deploy/token` of `$(op read op://deploy/token)`. */
export const wholeCommand = (text: string): string | undefined =>
  commandEnd(text) === text.length ? text.slice(2, -1) : undefined
