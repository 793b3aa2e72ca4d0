import { printable } from "../../core/text.ts"

const list = (heading: string, names: ReadonlyArray<string>): string =>
  names.length === 0
    ? ""
    : `${heading}:\n${names
        .toReversed()
        .map((name) => `  ${printable(name)}\n`)
        .join("")}`

/** What a process leaves that ends at once: what it held by then and the steps that it has not undone, the last first. */
export const left = (held: ReadonlyArray<string>, undoable: ReadonlyArray<string>): string =>
  list("this was still held, and may be left", held) +
  list("these steps were done, and not undone", undoable) +
  "  → What ran may be half done, too. Where that was a deploy, the next one mends it.\n"

/** What is said where a second signal ends jiji at once. */
export const stopped = (held: ReadonlyArray<string>, undoable: ReadonlyArray<string>): string =>
  held.length + undoable.length === 0
    ? "\nstopped at once; nothing was held\n"
    : `\nstopped at once\n${left(held, undoable)}`
