import { matchesPattern, type Pattern } from "./pattern.ts"

/** The complete list of expected commands, in order, by machine; `local` is this machine. */
export type Expected = Readonly<Record<string, ReadonlyArray<Pattern>>>

/** A line of a comparison: as expected (" "), missing ("-") or unexpected ("+"). */
type Line = { readonly mark: " " | "-" | "+"; readonly text: string }

/** The lengths of the longest common subsequences from each pair of positions on. */
const commonLengths = (expected: ReadonlyArray<Pattern>, done: ReadonlyArray<string>) => {
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

/** Compares both lists line by line, with as many matching lines as possible. */
const compare = (expected: ReadonlyArray<Pattern>, done: ReadonlyArray<string>): ReadonlyArray<Line> => {
  const common = commonLengths(expected, done)
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

const ansiColors = { "-": "\u001b[31m", "+": "\u001b[32m", " ": "\u001b[2m" } as const

/** Truncates matching lines, which only give context. */
const truncate = ({ mark, text }: Line): string => (mark === " " && text.length > 76 ? `${text.slice(0, 75)}…` : text)

/** Formats the differences on the machines in `expected`, for people; undefined if there are none. Ignores other machines. */
export const difference = (
  expected: Expected,
  done: (machine: string) => ReadonlyArray<string>,
  colors: boolean
): string | undefined => {
  const parts = Object.entries(expected).flatMap(([machine, patterns]) => {
    const lines = compare(patterns, done(machine))
    if (lines.every(({ mark }) => mark === " ")) return []
    const shown = lines.map((line) => {
      const text = `${line.mark} ${truncate(line)}`
      return `    ${colors ? `${ansiColors[line.mark]}${text}\u001b[0m` : text}`
    })
    return [`  ${machine}:\n${shown.join("\n")}`]
  })
  return parts.length === 0 ? undefined : parts.join("\n")
}
