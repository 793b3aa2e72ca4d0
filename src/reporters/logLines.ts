import type { LogLine } from "../steps/LogsPipeline.ts"
import { printable } from "../core/text.ts"
import { jsonLine } from "./json.ts"
import type { Output } from "./Reporter.ts"
import { painter, type Style } from "./text.ts"

export interface LogFormat {
  /** The servers, for the width of their names and their colors. */
  readonly servers: ReadonlyArray<string>
  /** The services. A single one is not named. */
  readonly services: ReadonlyArray<string>
  readonly timestamps: boolean
}

/** Not red: a server is not an error. */
const colors: ReadonlyArray<Style> = ["cyan", "yellow", "green", "magenta", "blue"]

/** A container's name without what it shares with others: `web`, or `web-2` for its second one. */
const instanceOf = (service: string, name: string): string => {
  const number = new RegExp(`-${RegExp.escape(service)}(-\\d+)(?:-next)?$`).exec(name)?.[1] ?? ""
  return `${service}${number}`
}

/** Names a server at the beginning of a line: `web1 | `. */
export const serverPrefix = (
  servers: ReadonlyArray<string>,
  server: string,
  output: Pick<Output, "colors">,
  more: ReadonlyArray<string> = []
): string => {
  const width = Math.max(...servers.map((name) => name.length))
  const color = colors[servers.indexOf(server) % colors.length] ?? "cyan"
  return `${painter(output.colors)(color, `${[server.padEnd(width), ...more].join(" ")} |`)} `
}

/** Formats lines for people: `web1 api | text`. Control characters are removed, as from the output of a deploy. */
export const logText = ({ servers, services, timestamps }: LogFormat, output: Pick<Output, "colors">) => {
  const paint = painter(output.colors)
  const serviceWidth = Math.max(...services.map((name) => name.length))
  const prefixes = new Map<string, string>()
  const prefixOf = ({ container, server }: LogLine): string => {
    const key = `${server} ${container.id}`
    const known = prefixes.get(key)
    if (known !== undefined) return known
    const instance = printable(instanceOf(container.service, container.name))
    const isNamed = services.length > 1 || instance !== container.service
    const prefix = serverPrefix(servers, server, output, isNamed ? [instance.padEnd(serviceWidth)] : [])
    prefixes.set(key, prefix)
    return prefix
  }
  return (line: LogLine): string => {
    const time = timestamps ? `${paint("dim", `${line.time.slice(0, 23)}Z`)} ` : ""
    return `${prefixOf(line)}${time}${printable(line.text)}\n`
  }
}

/** Formats a line for programs. */
export const logJson = ({ container, server, text, time }: LogLine): string =>
  jsonLine({ time, server, service: container.service, container: container.name, text })
