/** A line of an ssh_config file that has a keyword. */
export interface Line {
  /** As written. */
  readonly option: string
  /** What follows the keyword, without leading and trailing white space. */
  readonly rest: string
}

/** Splits a line into its keyword and the rest; undefined for blank lines and comments. */
export const parseLine = (text: string): Line | undefined => {
  const line = text.replace(/[ \t\r\n\f]+$/, "").replace(/^[ \t]+/, "")
  if (line === "" || line.startsWith("#")) return undefined
  const match = /^([^ \t"=]*)[ \t]*=?[ \t]*(.*)$/s.exec(line)
  return { option: match?.[1] ?? "", rest: match?.[2] ?? "" }
}

/** Splits into words like OpenSSH's argv_split: quotes, backslashes, and `#` that starts a word. Undefined if a quote is open. */
export const splitWords = (text: string): ReadonlyArray<string> | undefined => {
  const words: Array<string> = []
  let at = 0
  while (at < text.length) {
    if (text[at] === " " || text[at] === "\t") {
      at++
      continue
    }
    if (text[at] === "#") break
    let word = ""
    let quote = ""
    for (; at < text.length; at++) {
      const char = text[at] ?? ""
      const next = text[at + 1] ?? ""
      if (char === "\\" && next !== "" && (`'"\\`.includes(next) || (quote === "" && next === " "))) {
        word += next
        at++
      } else if (quote === "" && (char === " " || char === "\t")) break
      else if (quote === "" && (char === '"' || char === "'")) quote = char
      else if (char === quote) quote = ""
      else word += char
    }
    if (quote !== "") return undefined
    words.push(word)
  }
  return words
}

/** Splits a Match line like OpenSSH's strdelim: at white space or one `=`, with double quotes. */
export const splitCriteria = (text: string): ReadonlyArray<string> => {
  const words: Array<string> = []
  let rest = text
  while (rest !== "") {
    const quoted = /^"([^"]*)"[ \t]*(.*)$/s.exec(rest)
    const plain = /^([^ \t=]*)(?:[ \t]*=?[ \t]*)(.*)$/s.exec(rest)
    const [, word = "", left = ""] = quoted ?? plain ?? []
    words.push(word)
    rest = left
  }
  return words
}
