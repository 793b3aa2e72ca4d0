/** Returns the last lines of a program's output. */
export const lastLines = (text: string, count = 20): string => text.trimEnd().split("\n").slice(-count).join("\n")

/**
 * Returns the last line that matches the pattern and the lines after it, `count` lines in all. The lines before it are
 * unrelated warnings. If no line matches, returns the last `count` lines.
 */
export const reasonFrom = (text: string, pattern: RegExp, count = 5): string => {
  const lines = text.trimEnd().split("\n")
  const index = lines.findLastIndex((line) => pattern.test(line))
  return (index < 0 ? lines.slice(-count) : lines.slice(index, index + count)).join("\n").trim()
}
