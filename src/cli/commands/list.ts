import { Effect, Option, Result } from "effect"
import { Argument, CliError, Command } from "effect/cli"
import { CommandLine } from "effect/process"
import { readAliases } from "../../config/aliases.ts"
import { toMermaid } from "../../pipeline/Pipeline.ts"
import { findPipeline, listProjectPipelines } from "../pipelines/find.ts"
import { loadPipeline } from "../pipelines/load.ts"
import { registerModules } from "../pipelines/modules.ts"
import { readDescription } from "../pipelines/sourceDescription.ts"
import { reserveStdout } from "../process/stdout.ts"
import { Terminal } from "../process/Terminal.ts"
import { builtinPipelines } from "../pipelines/builtin.ts"
import { printable } from "../../core/text.ts"

type Row = readonly [name: string, text: string]

const section = (heading: string, rows: ReadonlyArray<Row>, width: number): ReadonlyArray<string> =>
  rows.length === 0 ? [] : [heading, ...rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`.trimEnd())]

/** The project's pipelines with their descriptions. Runs no code of theirs: listing a cloned repository must be safe. */
const projectRows = Effect.fnUntraced(function* (cwd: string) {
  return yield* Effect.forEach(
    yield* listProjectPipelines(cwd),
    Effect.fnUntraced(function* (file) {
      const description = yield* Effect.result(readDescription(file))
      const [error = ""] = Result.isFailure(description) ? description.failure.message.split("\n") : []
      const text = Result.isSuccess(description) ? description.success : `✗ ${error}`
      const hidden = builtinPipelines.has(file.name) ? `(\`jiji ${file.name}\` runs the built-in one)` : ""
      const row: Row = [file.name, printable(`${text} ${hidden}`.trim())]
      return row
    })
  )
})

/** `jiji list`. */
export const command = Command.make(
  "list",
  {
    pipeline: Argument.String("pipeline").pipe(
      Argument.withDescription("Pipeline to print as a Mermaid flowchart: a name, or a file whose code then runs"),
      Argument.variadic()
    )
  },
  Effect.fnUntraced(function* ({ pipeline: words }) {
    const { write } = yield* Terminal
    const cwd = process.cwd()
    const [name, ...more] = words
    if (name !== undefined) {
      const builtin = builtinPipelines.get(words.join(" "))?.pipeline
      if (builtin === undefined && more.length > 0) {
        const errors = [new CliError.UnexpectedArgument({ arguments: more })]
        return yield* new CliError.ShowHelp({ commandPath: ["list"], errors })
      }
      if (builtin !== undefined) return write(toMermaid(builtin))
      const file = yield* findPipeline(cwd, name)
      reserveStdout()
      yield* registerModules
      return write(toMermaid((yield* loadPipeline(file)).pipeline))
    }
    const builtin = [...builtinPipelines].map(([name, { description }]): Row => [name, description])
    const project = yield* projectRows(cwd)
    // A deploy.yml with mistakes does not hide the pipelines.
    const aliases = (yield* Effect.option(readAliases({ cwd }))).pipe(
      Option.match({ onNone: () => [], onSome: ({ words }) => [...words] })
    )
    const short = aliases.map(([name, words]): Row => [name, printable(`jiji ${CommandLine.display(words)}`)])
    const width = Math.max(...[...builtin, ...project, ...short].map(([name]) => name.length))
    const lines = [
      ...section("Built-in pipelines (run with `jiji NAME`):", builtin, width),
      ...(project.length === 0 ? [] : [""]),
      ...section("Pipelines in .jiji/pipelines (run with `jiji run NAME`):", project, width),
      ...(short.length === 0 ? [] : [""]),
      ...section("Aliases in deploy.yml (run with `jiji NAME`):", short, width)
    ]
    return write(`${lines.join("\n")}\n`)
  })
).pipe(
  Command.withDescription("List available pipelines, and the aliases in deploy.yml"),
  Command.withExamples([
    {
      command: "jiji list",
      description: "List the built-in pipelines and those in .jiji/pipelines; run none of their code"
    },
    { command: "jiji list deploy", description: "Print a flowchart of a deploy" },
    { command: "jiji list canary", description: "Load .jiji/pipelines/canary.ts and print a flowchart of it" }
  ])
)
