import texts from "./help.json" with { type: "json" }

/** Whether the words of a command line ask for jiji's own help, and for nothing else. */
const asks = ([first, ...others]: ReadonlyArray<string>): boolean =>
  others.length === 0 && (first === undefined || first === "--help" || first === "-h")

/**
 * Prints jiji's own help where nothing else is asked for, and says whether it was. The text is what main.ts prints, made
 * by bin/docs: who only looks does not wait for everything that a deploy needs to be loaded.
 */
export const helped = (words: ReadonlyArray<string>): boolean => {
  if (!asks(words)) return false
  const { NO_COLOR = "", TERM } = process.env
  // Bun looks at the terminal and FORCE_COLOR, and not at what kind of a terminal it is.
  const colors = Bun.enableANSIColors && NO_COLOR === "" && TERM !== "dumb"
  // Whoever reads it may be gone.
  Bun.write(Bun.stdout, colors ? texts.colored : texts.plain).catch(() => {})
  return true
}
