import { publicPaths } from "../../core/publicPaths.ts"
import { printable } from "../../core/text.ts"

/** A heading and the names below it, the last one first. */
const list = (heading: string, names: ReadonlyArray<string>): string =>
  names.length === 0
    ? ""
    : `${heading}:\n${names
        .toReversed()
        .map((name) => `  ${printable(name)}\n`)
        .join("")}`

/**
 * What a process leaves behind that exits without cleaning up: the names of resources that it held, and the paths of steps
 * that it did not undo. `scrub` removes secrets from them.
 */
export const describeLeftovers = (
  held: ReadonlyArray<string>,
  undoable: ReadonlyArray<string>,
  scrub: (text: string) => string
): string =>
  list("left behind", held.map(scrub)) +
  list(
    "steps done and not undone",
    undoable.map((path) => publicPaths(scrub).toPublic("", path))
  ) +
  "  → Commands may have stopped halfway. If this was a deploy, run it again: it cleans up.\n"

/** Printed when a second signal makes jiji exit immediately. */
export const forcedExitMessage = (
  held: ReadonlyArray<string>,
  undoable: ReadonlyArray<string>,
  scrub: (text: string) => string = (text) => text
): string =>
  held.length + undoable.length === 0
    ? "\nexited immediately; nothing was left behind\n"
    : `\nexited immediately\n${describeLeftovers(held, undoable, scrub)}`
