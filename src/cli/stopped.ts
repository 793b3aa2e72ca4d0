import { printable } from "../reporters/text.ts"

/** What is said where a second signal ends jiji at once: what it held by then, the last that was acquired first. */
export const stopped = (held: ReadonlyArray<string>): string => {
  if (held.length === 0) return "\nstopped at once; nothing was held\n"
  const names = held.toReversed().map((name) => `  ${printable(name)}\n`)
  return (
    `\nstopped at once; this was still held, and may be left:\n${names.join("")}` +
    "  → A half-made container may be on a server, too; the next deploy mends it.\n"
  )
}
