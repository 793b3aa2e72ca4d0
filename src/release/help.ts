import manifest from "../../package.json" with { type: "json" }
import { helpColumns, renderHelp } from "../core/helpText.ts"
import help from "./help.json" with { type: "json" }

const helpText = (): string => {
  const { NO_COLOR = "", TERM } = process.env
  // Bun respects FORCE_COLOR and whether stdout is a terminal, but not TERM.
  const colors = Bun.enableANSIColors && NO_COLOR === "" && TERM !== "dumb"
  const columns = helpColumns()
  // Rendering takes half a millisecond.
  return columns === Infinity && !colors ? help.unwrapped : renderHelp(help.sections, { columns, colors })
}

/** The text for a command line that asks for jiji's own help or version and nothing else. */
const requestedText = ([first = "--help", ...others]: ReadonlyArray<string>): string | undefined => {
  if (others.length > 0) return undefined
  if (first === "--version") return `${manifest.version}\n`
  return first === "--help" || first === "-h" ? helpText() : undefined
}

/**
 * Prints jiji's own help or version if the words ask for nothing else, and returns whether they do. bin/docs writes the
 * help to help.json, so that printing it need not load all of jiji.
 */
export const printHelp = (words: ReadonlyArray<string>): boolean => {
  const text = requestedText(words)
  if (text === undefined) return false
  // The reader may be gone.
  Bun.write(Bun.stdout, text).catch(() => {})
  return true
}
