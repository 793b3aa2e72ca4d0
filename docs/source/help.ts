import { Effect, Layer } from "effect"
import { CliConfig, CliOutput, Command } from "effect/cli"
import * as RootCommand from "../../src/cli/commands/root.ts"
import { globalFlags, helpSections } from "../../src/cli/process/help.ts"
import type { HelpSection } from "../../src/core/helpText.ts"
import * as Platform from "../../src/layers/Platform.ts"

/** The help of a command, named by the words after `jiji`. */
const commandHelp = async (words: ReadonlyArray<string>): Promise<ReadonlyArray<HelpSection>> => {
  let sections: ReadonlyArray<HelpSection> = []
  const presenter = CliOutput.layerPresenter({
    present: (event) =>
      Effect.sync(() => {
        if (event._tag === "Help") sections = helpSections(event.helpDoc)
      })
  })
  const layer = Layer.mergeAll(Platform.layer, CliConfig.layer({ builtIns: globalFlags }), presenter)
  const help = Command.runWith(RootCommand.command, { version: "" })([...words, "--help"]).pipe(Effect.provide(layer))
  // --help runs no command, so the services of the commands can be absent.
  await Effect.runPromise(help as Effect.Effect<void>)
  return sections
}

interface Node {
  readonly name: string
  readonly subcommands: ReadonlyArray<{ readonly commands: ReadonlyArray<Node> }>
}

/** The words that select each command, from the root downwards. */
const paths = (command: Node, path: ReadonlyArray<string> = []): ReadonlyArray<ReadonlyArray<string>> => [
  path,
  ...command.subcommands.flatMap(({ commands }) => commands.flatMap((child) => paths(child, [...path, child.name])))
]

/** The help of every command, by the words after `jiji`. */
export const allHelp = async (): Promise<Readonly<Record<string, ReadonlyArray<HelpSection>>>> => {
  const helps: Record<string, ReadonlyArray<HelpSection>> = {}
  for (const path of paths(RootCommand.command)) helps[path.join(" ")] = await commandHelp(path)
  return helps
}

/** src/release/help.json. */
export const helpJson = async (): Promise<string> => `${JSON.stringify(await allHelp(), null, 2)}\n`
