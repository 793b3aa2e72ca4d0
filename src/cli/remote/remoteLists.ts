import { Clock, Effect } from "effect"
import { CliError } from "effect/cli"
import { CommandLine } from "effect/process"
import { oneLine, printable } from "../../core/text.ts"
import { formatDuration } from "../../core/units.ts"
import { formatAgo } from "../../record/times.ts"
import { jsonLine, prettyJson } from "../../reporters/json.ts"
import { alignColumns } from "../../reporters/table.ts"
import { truncate } from "../../reporters/text.ts"
import type { RunInfo } from "../../serve/Api.ts"
import { Terminal } from "../process/Terminal.ts"
import { chooseProject, explainProject } from "./chooseProject.ts"
import type { Connection } from "./connect.ts"
import type { Remote } from "./remoteFlags.ts"

/** How long a command may be in the table. */
const maxCommand = 50

/** How long a run has taken, or takes. */
export const runMillis = ({ ended, started }: RunInfo, now: number): number =>
  started === undefined ? 0 : Math.max(0, (ended ?? now) - started)

const row = (run: RunInfo, now: number): ReadonlyArray<string> => [
  String(run.id),
  formatAgo(now - run.created),
  oneLine(run.project),
  truncate(oneLine(CommandLine.display(run.command)), maxCommand),
  run.status,
  run.started === undefined ? "-" : formatDuration(runMillis(run, now)),
  oneLine(run.by)
]

/** `jiji --remote URL runs`. */
export const listRuns = Effect.fnUntraced(function* (
  connection: Connection,
  { project }: Remote,
  { json, number }: { readonly json: boolean; readonly number: number }
) {
  const { write } = yield* Terminal
  const runs: Array<RunInfo> = []
  while (runs.length < number) {
    const limit = Math.min(500, number - runs.length)
    const before = runs.at(-1)?.id
    const page = yield* connection.request((api) =>
      api.runs.listRuns({
        query: { limit, ...(project !== undefined && { project }), ...(before !== undefined && { before }) }
      })
    )
    runs.push(...page)
    if (page.length < limit) break
  }
  if (json) return write(runs.map(jsonLine).join(""))
  if (runs.length === 0)
    return write(`No runs ${project === undefined ? "" : `of ${project} `}on ${connection.url} yet.\n`)
  const now = yield* Clock.currentTimeMillis
  const head = ["RUN", "AGO", "PROJECT", "COMMAND", "STATUS", "TIME", "BY"]
  write(`${alignColumns([head, ...runs.map((run) => row(run, now))]).join("\n")}\n`)
})

/** `jiji --remote URL list`: the pipelines of a project; of one, what it takes. */
export const listPipelines = Effect.fnUntraced(function* (
  connection: Connection,
  remote: Remote,
  [name, ...more]: ReadonlyArray<string>
) {
  if (more.length > 0) {
    const errors = [new CliError.UnexpectedArgument({ arguments: more })]
    return yield* new CliError.ShowHelp({ commandPath: ["list"], errors })
  }
  const { write } = yield* Terminal
  const project = yield* chooseProject(connection, remote)
  const asked = connection.request((api) => api.projects.listPipelines({ query: { project } }))
  const all = yield* explainProject(connection, remote, asked)
  const found = all.find((pipeline) => pipeline.name === name)
  if (found !== undefined) return write(`${prettyJson(found.input ?? {})}\n`)
  const rows = all.map(({ description, name, problem }) => [
    printable(name),
    oneLine(problem === undefined ? description : `✗ ${problem}`)
  ])
  write(
    rows.length === 0
      ? `${oneLine(project)} has no pipelines in .jiji/pipelines.\n`
      : `Pipelines of ${oneLine(project)} (run with \`jiji --remote URL run NAME\`):\n${alignColumns(rows)
          .map((line) => `  ${line}\n`)
          .join("")}`
  )
})
