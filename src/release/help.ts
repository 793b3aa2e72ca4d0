import manifest from "../../package.json" with { type: "json" }
import { usualWords } from "../cli/usualWords.ts"
import { helpColumns, type HelpSection, renderHelp } from "../core/helpText.ts"
import help from "./help.json" with { type: "json" }

const helps: Readonly<Record<string, ReadonlyArray<HelpSection> | undefined>> = help

/** Whether a word is a flag or one of jiji's commands. Others may be aliases, and so may `console`. */
export const isKnownCommand = (word: string): boolean =>
  word !== "console" && (word.startsWith("-") || word === "version" || word === "help" || helps[word] !== undefined)

/** The text for a command line that asks for the version, or for a command's help, and nothing else. */
const requestedText = (words: ReadonlyArray<string>): string | undefined => {
  const [last = "--help", ...path] = usualWords(words).toReversed()
  if (last === "--version" && path.length === 0) return `${manifest.version}\n`
  const sections = last === "--help" || last === "-h" ? helps[path.toReversed().join(" ")] : undefined
  if (sections === undefined) return undefined
  const { NO_COLOR = "", TERM } = process.env
  // Bun respects FORCE_COLOR and whether stdout is a terminal, but not TERM.
  const colors = Bun.enableANSIColors && NO_COLOR === "" && TERM !== "dumb"
  return renderHelp(sections, { columns: helpColumns(), colors })
}

/**
 * Prints the version or the help of a command if the words ask for nothing else, and returns whether they do. bin/docs writes
 * the help to help.json, so that printing it need not load all of jiji.
 */
export const printHelp = (words: ReadonlyArray<string>): boolean => {
  const text = requestedText(words)
  if (text === undefined) return false
  // The reader may be gone.
  Bun.write(Bun.stdout, text).catch(() => {})
  return true
}
