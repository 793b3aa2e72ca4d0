/** What to know about the commands that a dry run prints. */
export const dryRunNotes = (
  commands: ReadonlyArray<{ readonly byHand?: unknown; readonly script?: string | undefined }>
): ReadonlyArray<string> => {
  const hasScripts = commands.some(({ byHand, script }) => script !== undefined && byHand === undefined)
  return [
    ...(commands.some(({ byHand }) => byHand !== undefined)
      ? ["jiji does the same as these commands, through the engine's API where it can."]
      : []),
    ...(hasScripts ? ["jiji:NAME.sh is one of jiji's own scripts; `jiji script NAME` prints it."] : [])
  ]
}
