import { Console, Effect } from "effect"
import { CliOutput } from "effect/cli"
import { originalConsole } from "./stdout.ts"

/** Prints help that was asked for. Of invalid usage, `supervise` prints the error alone. */
export const helpPresenter = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Effect.void
      : Effect.provideService(CliOutput.defaultPresenter.present(event), Console.Console, originalConsole)
})
