// `jiji --help` loads this file before anything else, so it imports nothing: even node:fs would take a millisecond.

/** A line of a command's help, with colors: a row of a table, a paragraph, or an example. */
export type HelpLine =
  | { readonly term: string; readonly text: string }
  | { readonly text: string }
  | { readonly command: string; readonly comment: string }

/** A section of a command's help. */
export interface HelpSection {
  readonly title: string
  readonly lines: ReadonlyArray<HelpLine>
}

/** Whether to print the help with colors, and the number of columns to wrap it at: `Infinity` in a pipe. */
export interface HelpLayout {
  readonly columns: number
  readonly colors: boolean
}

const indent = 2
/** The space between the terms of a table and their descriptions. */
const gap = 4
/** If a table leaves fewer columns for the descriptions, each is printed below its term. */
const minTextColumns = 24
const commentMark = "\u001b[2m# \u001b[0m"

/** Wraps a text, indents its lines and starts each with `prefix`. Never breaks a word. */
const paragraph = (text: string, spaces: number, columns: number, prefix = ""): ReadonlyArray<string> => {
  const width = Math.max(columns - spaces - Bun.stringWidth(prefix), 1)
  const lines = columns === Infinity ? [text] : Bun.wrapAnsi(text, width).split("\n")
  return lines.map((line) => `${" ".repeat(spaces)}${prefix}${line}`)
}

/** Returns the lines of a table's row. The description starts in `column`, and is wrapped there. */
const tableRow = (term: string, text: string, column: number, columns: number): ReadonlyArray<string> => {
  const start = `${" ".repeat(indent)}${term}`
  if (text === "") return [start]
  if (columns - column < minTextColumns) return [start, ...paragraph(text, indent + gap, columns)]
  const [first = "", ...more] = paragraph(text, column, columns)
  return [`${start}${first.slice(Bun.stringWidth(start))}`, ...more]
}

/** Returns the lines of an example. Its command is never wrapped, so that it can be copied. */
const example = (command: string, comment: string, columns: number): ReadonlyArray<string> => [
  ...(comment === "" ? [] : paragraph(comment, indent, columns, commentMark)),
  `${" ".repeat(indent)}${command}`
]

const sectionLines = ({ lines, title }: HelpSection, columns: number): ReadonlyArray<string> => {
  const terms = lines.map((line) => ("term" in line ? Bun.stringWidth(line.term) : 0))
  const column = indent + Math.max(...terms) + gap
  const blocks = lines.map((line) => {
    if ("term" in line) return tableRow(line.term, line.text, column, columns)
    return "command" in line ? example(line.command, line.comment, columns) : paragraph(line.text, indent, columns)
  })
  const separator = lines.some((line) => "command" in line) ? "\n\n" : "\n"
  return [title, blocks.map((block) => block.join("\n")).join(separator)]
}

/** Returns the text of a command's help, which ends with a line break. */
export const renderHelp = (sections: ReadonlyArray<HelpSection>, { colors, columns }: HelpLayout): string => {
  const text = sections.map((section) => `${sectionLines(section, columns).join("\n")}\n`).join("\n")
  return colors ? text : Bun.stripANSI(text)
}

/** The width to wrap help at: COLUMNS if it is set, else the width of the terminal. Help in a pipe is not wrapped. */
export const helpColumns = (): number => {
  const { COLUMNS = "" } = process.env
  return /^[1-9]\d*$/.test(COLUMNS) ? Number(COLUMNS) : process.stdout.columns || Infinity
}
