import { Clock, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import type { Output } from "../../reporters/Reporter.ts"
import { json as jsonLines, jsonLine } from "../../reporters/json.ts"
import { runsTable } from "../../record/runsTable.ts"
import { renderPage } from "../../record/renderPage.ts"
import { listRuns as listed, readRun } from "../../record/read.ts"
import { OneForm } from "../../record/RecordError.ts"
import { renderRun as shown } from "../../record/renderRun.ts"
import { buildTree } from "../../record/tree.ts"
import { writePage } from "../../record/writePage.ts"

/** What the command takes from the outside. */
export interface RunsPlace {
  /** The file of the record. */
  readonly file: string
  readonly output: Output
}

/** How many runs are listed. */
const usual = 20

const json = (what: string) =>
  Flag.Boolean("json").pipe(Flag.withDescription(`Prints ${what}, as JSON, for programs`), Flag.withDefault(false))

const list = ({ file, output }: RunsPlace, most: number, asJson: boolean) =>
  Effect.gen(function* () {
    const runs = yield* listed(file, most)
    if (asJson) return output.write(runs.map(jsonLine).join(""))
    if (runs.length === 0) return output.write("No run of this machine is kept yet.\n")
    output.write(`${runsTable(runs, yield* Clock.currentTimeMillis, output).join("\n")}\n`)
  })

/** The run that is asked for, and how. */
interface Wanted {
  readonly id: Option.Option<string>
  readonly html: Option.Option<string>
  readonly json: boolean
}

const show = ({ file, output }: RunsPlace, { html, id, json }: Wanted) =>
  Effect.gen(function* () {
    if (json && Option.isSome(html)) return yield* new OneForm()
    const { events, run } = yield* readRun(file, id)
    if (json) {
      const lines = jsonLines(output)
      for (const event of events) lines.event(event)
      return
    }
    const tree = buildTree(events, run.servers)
    if (Option.isSome(html)) {
      const text = renderPage(run, tree)
      if (html.value === "-") return output.write(text)
      yield* writePage(html.value, text)
      return output.write(`${html.value}\n`)
    }
    const now = yield* Clock.currentTimeMillis
    output.write(`${shown(run, tree, now, output).join("\n")}\n`)
  })

/** `jiji runs`. */
export const command = (place: RunsPlace) =>
  Command.make(
    "runs",
    {
      // Not Flag.Int, whose sentence is another one than what refuses a 0.
      number: Flag.String("number").pipe(
        Flag.withAlias("n"),
        Flag.withMetavar("COUNT"),
        Flag.withDescription(`How many, the newest first (default: ${usual})`),
        Flag.filterMap(
          (text) => Option.liftPredicate(Number(text), (count) => /^\d+$/.test(text) && count > 0),
          () => "a whole number from 1 upwards"
        ),
        Flag.withDefault(usual)
      ),
      json: json("one run a line")
    },
    ({ json, number }) => list(place, number, json)
  ).pipe(
    Command.withDescription("List the runs of this machine"),
    Command.withExamples([
      { command: "jiji runs", description: "The last runs, of all projects" },
      { command: "jiji runs show", description: "What the last one did, step by step" }
    ]),
    Command.withSubcommands([
      Command.make(
        "show",
        {
          id: Argument.String("id").pipe(
            Argument.withDescription("The beginning of the run's ID; the last run where it is left out"),
            Argument.optional
          ),
          html: Flag.String("html").pipe(
            Flag.withMetavar("FILE"),
            Flag.withDescription("Writes it as one page for browsers; `-` prints the page"),
            Flag.optional
          ),
          json: json("its events, one a line")
        },
        (wanted) => show(place, wanted)
      ).pipe(
        Command.withDescription("Show what a run did: its steps, their times, and what failed"),
        Command.withExamples([
          { command: "jiji runs show", description: "The last run" },
          { command: "jiji runs show mf3k --html run.html", description: "One run, as a page to send to somebody" }
        ])
      )
    ])
  )
