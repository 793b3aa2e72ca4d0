import { Effect, Layer } from "effect"
import { CliConfig, CliOutput, Command } from "effect/cli"
import * as RootCommand from "../../src/cli/commands/root.ts"
import { globalFlags, helpSections } from "../../src/cli/process/help.ts"
import { type HelpSection, renderHelp } from "../../src/core/helpText.ts"
import * as Platform from "../../src/layers/Platform.ts"

/** The help of a command, named by the words after `jiji`. */
export const commandHelp = async (words: ReadonlyArray<string>): Promise<ReadonlyArray<HelpSection>> => {
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

/** src/release/help.json: the help of jiji itself, and its text for a pipe. */
export const helpJson = async (): Promise<string> => {
  const sections = await commandHelp([])
  const unwrapped = renderHelp(sections, { columns: Infinity, colors: false })
  return `${JSON.stringify({ unwrapped, sections }, null, 2)}\n`
}
