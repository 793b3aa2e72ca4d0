/**
 * Translates the other usual ways to ask for the version and for help into flags: `jiji version`, `jiji -v`, `jiji help` and
 * `jiji help COMMAND`.
 */
export const usualWords = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const [first, ...rest] = words
  if (rest.length === 0 && (first === "version" || first === "-v" || first === "-V")) return ["--version"]
  return first === "help" ? [...rest.filter((word) => word !== "--help" && word !== "-h"), "--help"] : words
}
