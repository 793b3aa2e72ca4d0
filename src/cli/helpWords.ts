import type { Command } from "effect/cli"

/**
 * For a request for help about an unknown subcommand, returns only the words up to it: without `--help`, the parser reports
 * it and suggests others. With it, the parser prints the help of the command above. Returns other words unchanged.
 */
export const helpWords = (root: Command.Command.Any, words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const end = words.indexOf("--")
  if (!words.slice(0, end === -1 ? words.length : end).some((word) => word === "--help" || word === "-h")) return words
  let command = root
  for (const [index, word] of words.entries()) {
    // The word after a flag may be its value.
    if (word.startsWith("-")) return words
    const subcommands = command.subcommands.flatMap(({ commands }) => commands)
    if (subcommands.length === 0) return words
    const next = subcommands.find(({ alias, name }) => name === word || alias === word)
    if (next === undefined) return words.slice(0, index + 1)
    command = next
  }
  return words
}
