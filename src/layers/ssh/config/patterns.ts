/** Matches a name against a pattern with `*` and `?`. No pattern takes exponential time. */
export const matchesPattern = (pattern: string, name: string): boolean => {
  let [at, inName] = [0, 0]
  // The position of the last `*`, and the first character of the name that it does not cover.
  let [star, covered] = [-1, 0]
  while (inName < name.length) {
    if (pattern[at] === "*") {
      star = at++
      covered = inName
    } else if (at < pattern.length && (pattern[at] === "?" || pattern[at] === name[inName])) {
      at++
      inName++
    } else if (star >= 0) {
      at = star + 1
      inName = ++covered
    } else return false
  }
  while (pattern[at] === "*") at++
  return at === pattern.length
}

/** Whether one of several patterns matches. A negated pattern that matches overrides all others. */
const matchesPatterns = (patterns: ReadonlyArray<string>, name: string): boolean => {
  if (patterns.some((p) => p.startsWith("!") && matchesPattern(p.slice(1), name))) return false
  return patterns.some((p) => !p.startsWith("!") && matchesPattern(p, name))
}

/** The same for a comma-separated list. */
export const matchesList = (list: string, name: string): boolean => matchesPatterns(list.split(","), name)
