import manifest from "../../package.json" with { type: "json" }
import { helpColumns, renderHelp } from "../core/helpText.ts"
import help from "./help.json" with { type: "json" }

/** The part of Bun that its `node:tty` uses. */
interface TtyBinding {
  isTTY(descriptor: number): boolean
  readonly TTY: new (descriptor: number, context: object) => { getWindowSize(size: [number, number]): unknown }
}

/** The width of the terminal that stdout is; undefined if it is none. */
const terminalColumns = (): number | undefined => {
  try {
    // The types lack `binding`. `process.stdout.columns` takes longer than everything else that `jiji --help` does.
    const { TTY, isTTY } = (process as unknown as { binding(name: string): TtyBinding }).binding("tty_wrap")
    const size: [columns: number, rows: number] = [0, 0]
    if (isTTY(1)) new TTY(1, {}).getWindowSize(size)
    return size[0]
  } catch {
    return process.stdout.columns
  }
}

const helpText = (): string => {
  const { NO_COLOR = "", TERM } = process.env
  // Bun respects FORCE_COLOR and whether stdout is a terminal, but not TERM.
  const colors = Bun.enableANSIColors && NO_COLOR === "" && TERM !== "dumb"
  const columns = helpColumns(process.env, terminalColumns)
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
