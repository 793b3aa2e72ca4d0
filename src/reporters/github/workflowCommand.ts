import { printable } from "../../core/text.ts"

/** Where in the workspace's files something is. */
export interface FileLocation {
  readonly file: string
  /** From 1. */
  readonly line?: number
}

/** What may stand in a workflow command, so that it ends where it should. https://github.com/actions/toolkit `command.ts` */
const data = (text: string): string =>
  text
    .split("\n")
    .map(printable)
    .join("\n")
    .trim()
    .replaceAll("%", "%25")
    .replaceAll("\r", "%0D")
    .replaceAll("\n", "%0A")

const property = (text: string): string => data(text).replaceAll(":", "%3A").replaceAll(",", "%2C")

/** A workflow command that makes an annotation, on a line of its own. */
export const workflowCommand = (
  level: "error" | "warning",
  text: string,
  properties: Partial<FileLocation> & { readonly title?: string } = {}
): string => {
  const said = Object.entries(properties).map(([name, value]) => `${name}=${property(String(value))}`)
  return `::${level}${said.length === 0 ? "" : ` ${said.join(",")}`}::${data(text)}\n`
}

/** What happened, and what to do about it where that is known. */
export const withRemedy = (message: string, remedy: string | undefined): string =>
  remedy === undefined ? message : `${message}\n→ ${remedy}`
