import { Effect, Result } from "effect"
import { Argument, CliError, Command } from "effect/cli"
import { toMermaid } from "../../pipeline/Pipeline.ts"
import { findPipeline, projectPipelines } from "../pipelines/find.ts"
import { flagsOf } from "../pipelines/flags.ts"
import { loadPipeline } from "../pipelines/load.ts"
import { type Modules, provideModules } from "../pipelines/modules.ts"
import { divert } from "../process/stdout.ts"
import { own } from "../pipelines/builtin.ts"
import { printable } from "../../core/text.ts"

type Line = readonly [name: string, text: string]

const section = (title: string, lines: ReadonlyArray<Line>, width: number): ReadonlyArray<string> =>
  lines.length === 0 ? [] : [title, ...lines.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`.trimEnd())]

/** The project's pipelines with what they say of themselves, or with what is wrong in them. */
const projectLines = Effect.fnUntraced(function* (cwd: string) {
  return yield* Effect.forEach(
    yield* projectPipelines(cwd),
    Effect.fnUntraced(function* (file) {
      // Also one that cannot be read is to be seen here.
      const loaded = yield* Effect.result(
        Effect.flatMap(findPipeline(cwd, file.path), loadPipeline).pipe(Effect.tap(flagsOf))
      )
      const [fault = ""] = Result.isFailure(loaded) ? loaded.failure.message.split("\n") : []
      const said = Result.isSuccess(loaded) ? loaded.success.description : `✗ ${fault}`
      const taken = own.has(file.name) ? `(not what \`jiji ${file.name}\` runs)` : ""
      const line: Line = [file.name, printable(`${said} ${taken}`.trim())]
      return line
    })
  )
})

/** `jiji list`: which pipelines there are. One that is broken says so, and hides no other. */
export const command = (options: {
  readonly write: (text: string) => void
  readonly modules: () => Promise<Modules>
}) =>
  Command.make(
    "list",
    {
      pipeline: Argument.String("pipeline").pipe(
        Argument.withDescription("Draws this one as a Mermaid flowchart: a name that is listed, or a file"),
        Argument.variadic()
      )
    },
    Effect.fnUntraced(function* ({ pipeline: words }) {
      const cwd = process.cwd()
      divert()
      yield* provideModules(options.modules)
      const [name, ...more] = words
      if (name !== undefined) {
        const builtIn = own.get(words.join(" "))?.pipeline
        if (builtIn === undefined && more.length > 0) {
          const errors = [new CliError.UnexpectedArgument({ arguments: more })]
          return yield* new CliError.ShowHelp({ commandPath: ["list"], errors })
        }
        const loaded = builtIn ?? (yield* loadPipeline(yield* findPipeline(cwd, name))).pipeline
        return options.write(toMermaid(loaded))
      }
      const mine = yield* projectLines(cwd)
      const ours = [...own].map(([name, { text }]): Line => [name, text])
      const width = Math.max(...[...ours, ...mine].map(([name]) => name.length))
      const lines = [
        ...section("jiji's own, each a command of that name:", ours, width),
        ...(mine.length === 0 ? [] : [""]),
        ...section("the project's, under .jiji/pipelines, for `jiji run`:", mine, width)
      ]
      return options.write(`${lines.join("\n")}\n`)
    })
  ).pipe(
    Command.withDescription("List the pipelines that there are"),
    Command.withExamples([
      { command: "jiji list", description: "List jiji's own pipelines, and those under .jiji/pipelines" },
      { command: "jiji list deploy", description: "Draw what a deploy does" }
    ])
  )
