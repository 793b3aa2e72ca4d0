import manifest from "../../package.json" with { type: "json" }
import texts from "./help.json" with { type: "json" }

const help = (): string => {
  const { NO_COLOR = "", TERM } = process.env
  // Bun looks at the terminal and FORCE_COLOR, and not at what kind of a terminal it is.
  const colors = Bun.enableANSIColors && NO_COLOR === "" && TERM !== "dumb"
  return colors ? texts.colored : texts.plain
}

/** What is printed where the words of a command line ask for jiji's own help or version, and for nothing else. */
const asked = ([first = "--help", ...others]: ReadonlyArray<string>): string | undefined => {
  if (others.length > 0) return undefined
  if (first === "--version") return `${manifest.version}\n`
  return first === "--help" || first === "-h" ? help() : undefined
}

/**
 * Prints jiji's own help or version where nothing else is asked for, and says whether it was. The text is what main.ts
 * prints, made by bin/docs: who only looks does not wait for everything that a deploy needs to be loaded.
 */
export const helped = (words: ReadonlyArray<string>): boolean => {
  const text = asked(words)
  if (text === undefined) return false
  // Whoever reads it may be gone.
  Bun.write(Bun.stdout, text).catch(() => {})
  return true
}
