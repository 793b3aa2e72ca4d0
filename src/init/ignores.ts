/** The lines of an ignore file that have the effect of a line that jiji needs. */
const covering = (line: string): ReadonlySet<string> => {
  const spellings = (text: string) => [text, `/${text}`, `**/${text}`, `${text}/`, `/${text}/`]
  const all = [line, ...(line.startsWith(".env") ? [".env*"] : []), "*", "**"]
  return new Set(all.flatMap(spellings))
}

/** Returns the ignore file with the lines that it lacks, or undefined if it lacks none. */
export const withIgnored = (before: string | undefined, lines: ReadonlyArray<string>): string | undefined => {
  const present = new Set((before ?? "").split(/\r?\n/u).map((line) => line.trim()))
  const missing = lines.filter(
    (line) => !line.startsWith("!") && ![...covering(line)].some((each) => present.has(each))
  )
  // An exception makes sense only after the line that it is an exception of.
  const exceptions = lines.filter((line) => line.startsWith("!") && missing.includes(".env.*") && !present.has(line))
  const added = [...missing, ...exceptions]
  if (added.length === 0) return undefined
  const start = before === undefined || before === "" || before.endsWith("\n") ? (before ?? "") : `${before}\n`
  return `${start}${added.join("\n")}\n`
}

/** Files of secrets, which must not be committed, and the file that `jiji sandbox` writes. */
export const gitIgnored: ReadonlyArray<string> = [".env", ".env.*", "!.env.example", ".jiji/deploy.sandbox.yml"]

/** What no image needs. */
export const dockerIgnored: ReadonlyArray<string> = [".git", ".env", ".env.*", ".jiji"]
