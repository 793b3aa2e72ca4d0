import { joinFirst } from "../core/text.ts"
import { formatDuration } from "../core/units.ts"
import type { AuditEntry } from "../steps/Lock.ts"
import { formatAge } from "./psTable.ts"
import type { Output } from "./Reporter.ts"
import { alignColumns } from "./table.ts"
import { painter, type Style, truncate } from "./text.ts"

type Column = "WHEN" | "AGO" | "BY" | "WHAT" | "OUTCOME" | "SERVERS" | "TIME" | "RUN" | "MESSAGE"

/** A time in this machine's zone. */
const formatTime = (millis: number): string => {
  const date = new Date(millis)
  const two = (value: number) => `${value}`.padStart(2, "0")
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`
}

/** `succeeded`, or what differs: `cut off on web2, succeeded on web1`. */
const outcomeText = ({ outcome, servers }: AuditEntry): string => {
  const groups = Map.groupBy(servers, (server) => server.outcome)
  if (groups.size < 2) return outcome
  return [...groups]
    .toSorted(([one], [other]) => Number(other === outcome) - Number(one === outcome))
    .map(([each, some]) => `${each} on ${joinFirst(some.map(({ name }) => name))}`)
    .join(", ")
}

const cells: Readonly<Record<Column, (entry: AuditEntry, now: number) => string>> = {
  WHEN: ({ at }) => formatTime(at),
  AGO: ({ at }, now) => `${formatAge(now - at)} ago`,
  BY: ({ machine, user }) => `${user}@${machine}`,
  WHAT: ({ command, services, version = "" }) =>
    [command, version, ...(services === undefined ? [] : [`(${joinFirst(services)})`])]
      .filter((word) => word !== "")
      .join(" "),
  OUTCOME: outcomeText,
  SERVERS: ({ servers }) => joinFirst(servers.map(({ name }) => name)),
  TIME: ({ millis }) => (millis === undefined || millis === 0 ? "" : formatDuration(millis)),
  RUN: ({ run }) => run,
  MESSAGE: ({ message = "" }) => message
}

/** The sets of columns to choose from, the widest first. */
const columnSets: ReadonlyArray<ReadonlyArray<Column>> = [
  ["WHEN", "AGO", "BY", "WHAT", "OUTCOME", "SERVERS", "TIME", "RUN", "MESSAGE"],
  ["WHEN", "BY", "WHAT", "OUTCOME", "SERVERS", "TIME", "MESSAGE"],
  ["WHEN", "BY", "WHAT", "OUTCOME", "SERVERS", "MESSAGE"],
  ["AGO", "BY", "WHAT", "OUTCOME", "MESSAGE"],
  ["AGO", "BY", "WHAT", "OUTCOME"]
]

const styles: Readonly<Record<string, Style>> = {
  failed: "red",
  "cut off": "red",
  interrupted: "yellow",
  running: "yellow",
  unfinished: "yellow"
}

/** The audit as a table with as many columns as fit the width, in the order of the entries. */
export const auditTable = (
  entries: ReadonlyArray<AuditEntry>,
  now: number,
  { colors, columns }: Omit<Output, "write">
): ReadonlyArray<string> => {
  const paint = painter(colors)
  if (entries.length === 0) return ["There are no entries."]
  const tables = columnSets.map((set) =>
    alignColumns([[...set], ...entries.map((entry) => set.map((column) => cells[column](entry, now) || "-"))])
  )
  const fits = (lines: ReadonlyArray<string>) => lines.every((line) => Bun.stringWidth(line) <= columns)
  const [head = "", ...lines] = tables.find(fits) ?? tables.at(-1) ?? []
  return [
    paint("bold", truncate(head, columns)),
    ...lines.map((line, index) => {
      const style = styles[entries[index]?.outcome ?? ""]
      const shown = truncate(line, columns)
      return style === undefined ? shown : paint(style, shown)
    })
  ]
}

/** An entry as `jiji audit --json` prints it. Its times are in ISO 8601. */
export const auditJson = ({ at, ...entry }: AuditEntry) => ({ at: new Date(at).toISOString(), ...entry })
