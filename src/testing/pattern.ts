import { matchEnds } from "../config/wildcard.ts"

/**
 * What a command is known by: the words that its text begins with, `docker build` for one, in which `*` stands for any
 * text; or a regular expression that is found anywhere in it. The text is what `--dry-run` prints.
 */
export type Pattern = string | RegExp

/** Whether a text is what a pattern is of. */
export const matchesPattern = (pattern: Pattern, text: string): boolean => {
  if (typeof pattern !== "string") return text.search(pattern) !== -1
  return matchEnds(pattern, text).some((end) => end === text.length || text[end] === " ")
}

/** Whether a machine is one of those that a glob names: `local` for this one, servers by their names. */
export const matchesMachine = (glob: string, machine: string): boolean => new Bun.Glob(glob).match(machine)
