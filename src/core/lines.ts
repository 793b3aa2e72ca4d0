/** The last lines of what a program wrote, as one text. */
export const lastLines = (text: string, count = 20): string => text.trimEnd().split("\n").slice(-count).join("\n")

/**
 * The last line that a pattern finds, and what follows it: before it stand warnings that say nothing of it. The last lines
 * where none is found.
 */
export const reasonFrom = (text: string, pattern: RegExp, count = 5): string => {
  const lines = text.trimEnd().split("\n")
  const at = lines.findLastIndex((line) => pattern.test(line))
  return (at < 0 ? lines.slice(-count) : lines.slice(at, at + count)).join("\n").trim()
}
