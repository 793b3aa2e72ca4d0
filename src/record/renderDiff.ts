import { shortDigest } from "../config/ImageReference.ts"
import { oneLine } from "../core/text.ts"
import { formatDuration } from "../core/units.ts"
import type { Output } from "../reporters/Reporter.ts"
import { alignColumns } from "../reporters/table.ts"
import { painter } from "../reporters/text.ts"
import type { RunDiff, Shipped } from "./diffRuns.ts"
import { outcomeLabels } from "./outcomeLabels.ts"
import type { StoredRun } from "./read.ts"
import { runTitle } from "./renderRun.ts"
import { formatDateTime } from "./times.ts"

/** A commit between the versions of two runs. */
export interface Commit {
  readonly id: string
  readonly subject: string
}

const shippedText = (shipped: Shipped | undefined, other: Shipped | undefined): string => {
  if (shipped === undefined) return "-"
  const { digest, version } = shipped
  // Without a difference in the version, the digest shows that it is another image.
  return version === other?.version && digest !== "" ? `${version} (${shortDigest(digest)})` : version || "-"
}

const arrow = (from: string, to: string) => [from, "→", to]

const table = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> =>
  rows.length === 0 ? [] : alignColumns(rows.map((row) => row.map(oneLine))).map((line) => `  ${line}`)

const overview: ReadonlyArray<readonly [string, (run: StoredRun) => string]> = [
  ["run", ({ id }) => id],
  ["when", ({ began }) => formatDateTime(began)],
  ["what", runTitle],
  ["by", ({ who }) => who],
  ["outcome", ({ outcome }) => outcomeLabels[outcome].text],
  ["time", ({ millis }) => formatDuration(millis)]
]

/** What differs between two runs, as text. */
export const renderDiff = (
  diff: RunDiff,
  commits: ReadonlyArray<Commit>,
  { colors }: Pick<Output, "colors">
): ReadonlyArray<string> => {
  const paint = painter(colors)
  const { configuration, failures, runs, servers, services, times } = diff
  const section = (title: string, lines: ReadonlyArray<string>) =>
    lines.length === 0 ? [] : ["", paint("bold", title), ...lines]
  const duration = (millis: number | undefined) => (millis === undefined ? "-" : formatDuration(millis))
  const sections = [
    ...section(
      "Servers",
      table([...servers.added.map((name) => ["+", name]), ...servers.removed.map((name) => ["-", name])])
    ),
    ...section(
      "Versions",
      table(
        services.map(({ from, server, service, to }) => [
          `${service} on ${server}`,
          ...arrow(shippedText(from, to), shippedText(to, from))
        ])
      )
    ),
    ...section("Commits", table(commits.map(({ id, subject }) => [id, subject]))),
    ...section("Configuration", table(configuration.map(({ changed, service }) => [service, changed.join("; ")]))),
    ...section(
      "Failures",
      failures.flatMap(({ from, path, to }) => [
        ...(from === undefined ? [] : [`  - ${path}: ${oneLine(from)}`]),
        ...(to === undefined ? [] : [`  + ${path}: ${oneLine(to)}`])
      ])
    ),
    ...section("Times", table(times.map(({ from, path, to }) => [path, ...arrow(duration(from), duration(to))])))
  ]
  return [
    ...alignColumns(overview.map(([name, cell]) => [name, oneLine(cell(runs.from)), oneLine(cell(runs.to))])),
    ...(sections.length === 0 ? ["", "Both shipped the same to the same servers."] : sections)
  ]
}
