/** The message of a command line error on one line: an API's client shows it in a JSON text. */
export const oneLineMessage = (message: string): string =>
  message
    .replace(/\s*Did you mean this\?\s*(\S+)\s*$/u, "; did you mean $1?")
    .trim()
    .replaceAll(/\s*\n\s*/g, " ")
