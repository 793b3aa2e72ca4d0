import { Console, Effect } from "effect"
import { CliOutput, type HelpDoc } from "effect/cli"
import { originalConsole } from "./stdout.ts"

/** What to type, where effect's line is wrong: these commands parse some of their words themselves. */
const usages: ReadonlyMap<string, string> = new Map([
  ["jiji run", "jiji run PIPELINE [flags]"],
  ["jiji runs", "jiji runs [subcommand] [flags]"]
])

const withUsage = (doc: HelpDoc.HelpDoc): HelpDoc.HelpDoc => ({
  ...doc,
  usage: usages.get(doc.commandPath?.join(" ") ?? "") ?? doc.usage
})

/** Prints help that was asked for. Of invalid usage, `supervise` prints the error alone. */
export const helpPresenter = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Effect.void
      : Effect.provideService(
          CliOutput.defaultPresenter.present(
            event._tag === "Help" ? { ...event, helpDoc: withUsage(event.helpDoc) } : event
          ),
          Console.Console,
          originalConsole
        )
})
