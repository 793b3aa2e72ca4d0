import { Effect, Result } from "effect"
import { Argument, CliError, Command } from "effect/cli"
import { toMermaid } from "../../pipeline/Pipeline.ts"
import { findPipeline, listProjectPipelines } from "../pipelines/find.ts"
import { pipelineFlags } from "../pipelines/flags.ts"
import { loadPipeline } from "../pipelines/load.ts"
import { registerModules } from "../pipelines/modules.ts"
import { reserveStdout } from "../process/stdout.ts"
import { Terminal } from "../process/Terminal.ts"
import { builtinPipelines } from "../pipelines/builtin.ts"
import { printable } from "../../core/text.ts"

type Row = readonly [name: string, text: string]

const section = (heading: string, rows: ReadonlyArray<Row>, width: number): ReadonlyArray<string> =>
  rows.length === 0 ? [] : [heading, ...rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`.trimEnd())]

/** The project's pipelines with their descriptions. One that cannot be loaded is listed with its error. */
const projectRows = Effect.fnUntraced(function* (cwd: string) {
  return yield* Effect.forEach(
    yield* listProjectPipelines(cwd),
    Effect.fnUntraced(function* (file) {
      const loaded = yield* Effect.result(
        Effect.flatMap(findPipeline(cwd, file.path), loadPipeline).pipe(Effect.tap(pipelineFlags))
      )
      const [error = ""] = Result.isFailure(loaded) ? loaded.failure.message.split("\n") : []
      const text = Result.isSuccess(loaded) ? loaded.success.description : `✗ ${error}`
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
      Argument.withDescription("Pipeline to print as a Mermaid flowchart: a name or a file"),
      Argument.variadic()
    )
  },
  Effect.fnUntraced(function* ({ pipeline: words }) {
    const { write } = yield* Terminal
    const cwd = process.cwd()
    reserveStdout()
    yield* registerModules
    const [name, ...more] = words
    if (name !== undefined) {
      const builtin = builtinPipelines.get(words.join(" "))?.pipeline
      if (builtin === undefined && more.length > 0) {
        const errors = [new CliError.UnexpectedArgument({ arguments: more })]
        return yield* new CliError.ShowHelp({ commandPath: ["list"], errors })
      }
      const pipeline = builtin ?? (yield* loadPipeline(yield* findPipeline(cwd, name))).pipeline
      return write(toMermaid(pipeline))
    }
    const builtin = [...builtinPipelines].map(([name, { description }]): Row => [name, description])
    const project = yield* projectRows(cwd)
    const width = Math.max(...[...builtin, ...project].map(([name]) => name.length))
    const lines = [
      ...section("Built-in pipelines (run with `jiji NAME`):", builtin, width),
      ...(project.length === 0 ? [] : [""]),
      ...section("Pipelines in .jiji/pipelines (run with `jiji run NAME`):", project, width)
    ]
    return write(`${lines.join("\n")}\n`)
  })
).pipe(
  Command.withDescription("List available pipelines"),
  Command.withExamples([
    { command: "jiji list", description: "List the built-in pipelines and those in .jiji/pipelines" },
    { command: "jiji list deploy", description: "Print a flowchart of a deploy" }
  ])
)
