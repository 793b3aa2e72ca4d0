/**
 * Splits a command into words like a shell. What a shell would have to run (operators, variables) becomes `sh -c COMMAND`.
 * `exec` before the command is left out, since the words are not run by a shell.
 */
export const commandWords = (command: string): ReadonlyArray<string> => {
  const words: Array<string> = []
  let word: string | undefined
  for (let at = 0; at < command.length; at++) {
    const char = command.charAt(at)
    if (char === "'") {
      const end = command.indexOf("'", at + 1)
      if (end < 0) return ["sh", "-c", command]
      word = (word ?? "") + command.slice(at + 1, end)
      at = end
    } else if (char === '"') {
      let text = ""
      for (at++; at < command.length && command.charAt(at) !== '"'; at++) {
        if (/[$`]/u.test(command.charAt(at))) return ["sh", "-c", command]
        if (command.charAt(at) === "\\" && /["\\$`]/u.test(command.charAt(at + 1))) at++
        text += command.charAt(at)
      }
      if (at >= command.length) return ["sh", "-c", command]
      word = (word ?? "") + text
    } else if (char === "\\") {
      at++
      word = (word ?? "") + command.charAt(at)
    } else if (/\s/u.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (/[|&;<>()$`*?]/u.test(char)) {
      return ["sh", "-c", command]
    } else word = (word ?? "") + char
  }
  if (word !== undefined) words.push(word)
  return words[0] === "exec" ? words.slice(1) : words
}

/** The parts of `[user@]host[:port]`. The host of an IPv6 address with a port is in brackets. */
export const parseTarget = (
  text: string
): { readonly user?: string; readonly host: string; readonly port?: number } => {
  const at = text.lastIndexOf("@")
  const rest = text.slice(at + 1)
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/u.exec(rest) ?? []
  return {
    ...(at > 0 && { user: text.slice(0, at) }),
    host: bracketed ?? plain ?? rest,
    ...(port !== undefined && { port: Number(port) })
  }
}
