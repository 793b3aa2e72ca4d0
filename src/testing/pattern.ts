import { matchEnds } from "../config/wildcard.ts"

/**
 * Matches a command by its text, as `--dry-run` prints it. A string matches the beginning, in whole words, for example
 * `docker build`; `*` stands for any text. A regular expression matches anywhere.
 */
export type Pattern = string | RegExp

/** Whether a pattern matches a text. */
export const matchesPattern = (pattern: Pattern, text: string): boolean => {
  if (typeof pattern !== "string") return text.search(pattern) !== -1
  return matchEnds(pattern, text).some((end) => end === text.length || text[end] === " ")
}

/** Whether a glob matches a machine: a server's name, or `local` for this machine. */
export const matchesMachine = (glob: string, machine: string): boolean => new Bun.Glob(glob).match(machine)
