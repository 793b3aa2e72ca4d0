/** Each fault of a schema error: its first line, and the indented ones below it. */
const faultsOf = (message: string): ReadonlyArray<string> => [...new Set(message.split(/\n(?=\S)/))]

/** A request has one of these keys. Where it is wrong in another way, the schema of the other kind also complains about its key. */
const isOfOtherKind = (fault: string): boolean =>
  /^Expected no excess property\s+at \["(?:command|pipeline|flags|input)"\]$/.test(fault)

/** What is wrong with a request, without what only follows from it. */
export const badRequest = (kind: string, message: string): string => {
  const all = faultsOf(message)
  const own = all.filter((fault) => !isOfOtherKind(fault))
  const shown = (own.length > 0 ? own : all).map((fault) =>
    fault.replace(/^Expected no excess property/, "Unknown key").replaceAll(/\s*\n\s*/g, " ")
  )
  return `${kind}: ${shown.join("; ")}`
}
