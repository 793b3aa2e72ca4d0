/** Operating system commands (such as a window title), and all other escape sequences of terminals. */
const sequences =
  // oxlint-disable-next-line no-control-regex -- These are control characters.
  /[\u001b\u009d]\][^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|[\u001b\u009b][[\]()#;?]*(?:\d{1,4}(?:[;:]\d{0,4})*)?[\dA-PR-TZcf-nq-uy=><~]/g

/** Removes escape sequences, as `Bun.stripANSI` does. */
export const stripAnsi = (text: string): string => text.replaceAll(sequences, "")
