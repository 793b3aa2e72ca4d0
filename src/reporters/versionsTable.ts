import { Schema } from "effect"
import { shortDigest } from "../config/ImageReference.ts"
import { printable } from "../core/text.ts"
import { VersionsReport } from "../steps/VersionsPipeline.ts"
import { formatAge } from "./psTable.ts"
import type { Output } from "./Reporter.ts"
import { alignColumns } from "./table.ts"
import { painter, truncate } from "./text.ts"

/** Formats the versions of all servers as a table. */
export const versionsLines = (
  { servers }: VersionsReport,
  now: number,
  output: Pick<Output, "columns" | "colors">
): ReadonlyArray<string> => {
  const paint = painter(output.colors)
  const rows = servers.flatMap(({ error, name, versions }) => {
    if (error !== undefined) return [[name, "", "", "not reached"]]
    if (versions.length === 0) return [[name, "", "", "no versions"]]
    return versions.map((each) => [
      name,
      each.service,
      each.version,
      each.current ? "runs" : "",
      `${formatAge(now - Date.parse(each.at))} ago`,
      each.by,
      each.run,
      shortDigest(each.digest),
      each.record
    ])
  })
  const columns = ["SERVER", "SERVICE", "VERSION", "NOW", "DEPLOYED", "BY", "RUN", "DIGEST", "RECORD"]
  const cells = rows.map((row) => columns.map((_, index) => printable(row[index] ?? "") || "-"))
  // The last columns matter least.
  const tables = [9, 8, 7, 6, 5].map((count) => alignColumns([columns, ...cells].map((row) => row.slice(0, count))))
  const fits = (lines: ReadonlyArray<string>) => lines.every((line) => Bun.stringWidth(line) <= output.columns)
  const [head = "", ...body] = (tables.find(fits) ?? tables.at(-1) ?? []).map((line) => truncate(line, output.columns))
  return [
    paint("bold", head),
    ...body.map((line, index) => (rows[index]?.[3] === "runs" ? paint("green", line) : line))
  ]
}

const encode = Schema.encodeSync(VersionsReport)

/** Formats the versions of all servers as JSON. */
export const versionsJson = (report: VersionsReport): object => encode(report)
