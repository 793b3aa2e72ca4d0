import { matchesPattern, type Pattern } from "./pattern.ts"

/** What is expected of machines by their names, `local` for this one: what was done there, in order, and nothing else. */
export type Expected = Readonly<Record<string, ReadonlyArray<Pattern>>>

/** A line of a comparison: as expected, expected and not done, or done and not expected. */
type Line = { readonly mark: " " | "-" | "+"; readonly text: string }

/** How many lines, from each place in both on, can be as expected; the table of the longest common subsequence. */
const lengths = (expected: ReadonlyArray<Pattern>, done: ReadonlyArray<string>) => {
  const table = Array.from({ length: expected.length + 1 }, () => Array.from({ length: done.length + 1 }, () => 0))
  const at = (row: number, column: number): number => table[row]?.[column] ?? 0
  for (const [row, pattern] of [...expected.entries()].toReversed()) {
    for (const [column, text] of [...done.entries()].toReversed()) {
      const taken = matchesPattern(pattern, text) ? 1 + at(row + 1, column + 1) : 0
      table[row]?.splice(column, 1, Math.max(taken, at(row + 1, column), at(row, column + 1)))
    }
  }
  return at
}

/** Both side by side, with as many lines as possible that are as expected. */
const compare = (expected: ReadonlyArray<Pattern>, done: ReadonlyArray<string>): ReadonlyArray<Line> => {
  const common = lengths(expected, done)
  const lines: Array<Line> = []
  let [row, column] = [0, 0]
  while (row < expected.length || column < done.length) {
    const [pattern, text] = [expected[row], done[column]]
    const best = common(row, column)
    if (
      pattern !== undefined &&
      text !== undefined &&
      matchesPattern(pattern, text) &&
      best > common(row + 1, column)
    ) {
      lines.push({ mark: " ", text })
      row++
      column++
    } else if (pattern !== undefined && (text === undefined || common(row + 1, column) === best)) {
      lines.push({ mark: "-", text: String(pattern) })
      row++
    } else {
      lines.push({ mark: "+", text: text ?? "" })
      column++
    }
  }
  return lines
}

const paints = { "-": "\u001b[31m", "+": "\u001b[32m", " ": "\u001b[2m" } as const

/** A line that is as expected is only there for orientation. */
const cut = ({ mark, text }: Line): string => (mark === " " && text.length > 76 ? `${text.slice(0, 75)}…` : text)

/**
 * What is different on the machines that are named, for a person to read; nothing where all is as expected. Machines that
 * are not named are not looked at.
 */
export const difference = (
  expected: Expected,
  done: (machine: string) => ReadonlyArray<string>,
  colors: boolean
): string | undefined => {
  const parts = Object.entries(expected).flatMap(([machine, patterns]) => {
    const lines = compare(patterns, done(machine))
    if (lines.every(({ mark }) => mark === " ")) return []
    const shown = lines.map((line) => {
      const text = `${line.mark} ${cut(line)}`
      return `    ${colors ? `${paints[line.mark]}${text}\u001b[0m` : text}`
    })
    return [`  ${machine}:\n${shown.join("\n")}`]
  })
  return parts.length === 0 ? undefined : parts.join("\n")
}
