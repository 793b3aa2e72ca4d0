import { printable } from "../../core/text.ts"

/** A place in a file of the workspace. */
export interface FileLocation {
  readonly file: string
  /** Starts at 1. */
  readonly line?: number
}

/** Escapes text so that it cannot end the workflow command early, as `command.ts` of github.com/actions/toolkit does. */
const escapeData = (text: string): string =>
  text
    .split("\n")
    .map(printable)
    .join("\n")
    .trim()
    .replaceAll("%", "%25")
    .replaceAll("\r", "%0D")
    .replaceAll("\n", "%0A")

const escapeProperty = (text: string): string => escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C")

/** A workflow command that creates an annotation. It is one line. */
export const workflowCommand = (
  level: "error" | "warning",
  text: string,
  properties: Partial<FileLocation> & { readonly title?: string } = {}
): string => {
  const list = Object.entries(properties).map(([name, value]) => `${name}=${escapeProperty(String(value))}`)
  return `::${level}${list.length === 0 ? "" : ` ${list.join(",")}`}::${escapeData(text)}\n`
}

/** The message, followed by its remedy if there is one. */
export const withRemedy = (message: string, remedy: string | undefined): string =>
  remedy === undefined ? message : `${message}\n→ ${remedy}`
