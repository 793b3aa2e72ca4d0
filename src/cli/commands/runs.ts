import { Clock, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { json as jsonReporter, jsonLine } from "../../reporters/json.ts"
import { listArtifacts } from "../../record/artifacts.ts"
import { listRuns, readRun } from "../../record/read.ts"
import { renderPage } from "../../record/renderPage.ts"
import { command as artifactCommand } from "./runsArtifact.ts"
import { command as followCommand } from "./runsFollow.ts"
import { ConflictingFlags } from "../ConflictingFlags.ts"
import { renderRun } from "../../record/renderRun.ts"
import { runsTable } from "../../record/runsTable.ts"
import { buildTree } from "../../record/tree.ts"
import { writePage } from "../../record/writePage.ts"
import { oneLine } from "../../core/text.ts"
import { formatBytes } from "../../core/units.ts"
import { Terminal } from "../process/Terminal.ts"
import { UserPaths } from "../UserPaths.ts"

/** How many runs are listed by default. */
const defaultCount = 20

const json = (description: string) =>
  Flag.Boolean("json").pipe(Flag.withDescription(description), Flag.withDefault(false))

export const showCommand = Command.make(
  "show",
  {
    id: Argument.String("id").pipe(
      Argument.withDescription("Run ID, or the start of one (default: the last run)"),
      Argument.optional
    ),
    html: Flag.String("html").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("Write the run as an HTML page to FILE (`-`: to stdout)"),
      Flag.optional
    ),
    json: json("Print the events of the run as JSON, one per line")
  },
  Effect.fnUntraced(function* ({ html, id, json }) {
    const { history } = yield* UserPaths
    const terminal = yield* Terminal
    if (json && Option.isSome(html)) return yield* new ConflictingFlags({ flags: ["--json", "--html"] })
    const { events, run } = yield* readRun(history, id)
    if (json) {
      const reporter = jsonReporter(terminal)
      for (const event of events) reporter.event(event)
      return
    }
    const tree = buildTree(events, run.servers)
    if (Option.isSome(html)) {
      const text = renderPage(run, tree)
      if (html.value === "-") return terminal.write(text)
      yield* writePage(html.value, text)
      return terminal.write(`${html.value}\n`)
    }
    const now = yield* Clock.currentTimeMillis
    const artifacts = (yield* listArtifacts(history, run.id)).map(
      ({ name, path, size }) => `artifact ${name} (${formatBytes(size)}, ${oneLine(path)})`
    )
    terminal.write(`${[...renderRun(run, tree, now, terminal), ...artifacts].join("\n")}\n`)
  })
).pipe(
  Command.withDescription("Show a run: its steps, how long they took, and what failed"),
  Command.withExamples([
    { command: "jiji runs show", description: "Show the last run" },
    { command: "jiji runs show mf3k --html run.html", description: "Save a run as a page that you can share" }
  ])
)

/** `jiji runs` without its subcommands. */
export const listCommand = Command.make(
  "runs",
  {
    // Not Flag.Int: the message for "x" should be the same as for "0".
    number: Flag.String("number").pipe(
      Flag.withAlias("n"),
      Flag.withMetavar("COUNT"),
      Flag.withDescription(`How many runs to list, newest first (default: ${defaultCount})`),
      Flag.filterMap(
        (text) => Option.liftPredicate(Number(text), (count) => /^\d+$/.test(text) && count > 0),
        () => "a whole number, 1 or more"
      ),
      Flag.withDefault(defaultCount)
    ),
    json: json("Print one JSON object per run")
  },
  Effect.fnUntraced(function* ({ json, number }) {
    const { history } = yield* UserPaths
    const terminal = yield* Terminal
    const runs = yield* listRuns(history, number)
    if (json) return terminal.write(runs.map(jsonLine).join(""))
    if (runs.length === 0) return terminal.write("No runs on this machine yet.\n")
    terminal.write(`${runsTable(runs, yield* Clock.currentTimeMillis, terminal).join("\n")}\n`)
  })
).pipe(
  Command.withDescription("List past runs on this machine"),
  Command.withExamples([
    { command: "jiji runs", description: "List the last runs of all projects" },
    { command: "jiji runs show", description: "Show the last run, step by step" }
  ])
)

/** `jiji runs`. */
export const command = Command.withSubcommands(listCommand, [showCommand, followCommand, artifactCommand])
