import { Effect, Option, Result } from "effect"
import { Argument, Command } from "effect/cli"
import type { Node } from "../pipeline/Node.ts"
import { toMermaid } from "../pipeline/Pipeline.ts"
import { printable } from "../reporters/text.ts"
import { deploy } from "../steps/DeployPipeline.ts"
import { doctor } from "../steps/DoctorPipeline.ts"
import { login, logout } from "../steps/RegistryPipelines.ts"
import { findPipeline, projectPipelines } from "./pipelines/find.ts"
import { loadPipeline } from "./pipelines/load.ts"
import { type Modules, provideModules } from "./pipelines/modules.ts"

/** jiji's own pipelines, by the command that runs each. */
const own: Readonly<Record<string, { readonly pipeline: { name: string; nodes: ReadonlyArray<Node> }; text: string }>> =
  {
    deploy: { pipeline: deploy, text: "Build, ship and start the project's containers on its servers" },
    doctor: { pipeline: doctor, text: "Look at this machine and the servers for what a deploy needs" },
    "registry login": { pipeline: login, text: "Log this machine and the servers in to the project's registry" },
    "registry logout": { pipeline: logout, text: "Log this machine and the servers out of the project's registry" }
  }

type Line = readonly [name: string, text: string]

const section = (title: string, lines: ReadonlyArray<Line>, width: number): ReadonlyArray<string> =>
  lines.length === 0 ? [] : [title, ...lines.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`.trimEnd())]

/** The project's pipelines with what they say of themselves, or with what is wrong in them. */
const projectLines = Effect.fnUntraced(function* (cwd: string) {
  return yield* Effect.forEach(
    yield* projectPipelines(cwd),
    Effect.fnUntraced(function* (file) {
      // Also one that cannot be read is to be seen here.
      const loaded = yield* Effect.result(Effect.flatMap(findPipeline(cwd, file.path), loadPipeline))
      const [fault = ""] = Result.isFailure(loaded) ? loaded.failure.message.split("\n") : []
      const line: Line = [file.name, printable(Result.isSuccess(loaded) ? loaded.success.description : `✗ ${fault}`)]
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
        Argument.variadic({ max: 2 }),
        Argument.map((words) => (words.length === 0 ? Option.none() : Option.some(words.join(" "))))
      )
    },
    Effect.fnUntraced(function* ({ pipeline }) {
      const cwd = process.cwd()
      yield* provideModules(options.modules)
      if (Option.isSome(pipeline)) {
        const builtIn = Object.hasOwn(own, pipeline.value) ? own[pipeline.value]?.pipeline : undefined
        const loaded = builtIn ?? (yield* loadPipeline(yield* findPipeline(cwd, pipeline.value))).pipeline
        return options.write(toMermaid(loaded))
      }
      const mine = yield* projectLines(cwd)
      const ours = Object.entries(own).map(([name, { text }]): Line => [name, text])
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
