import { Effect, Layer } from "effect"
import { Commands } from "../../serve/Commands.ts"
import { checkCommand } from "./checkCommand.ts"

type Environment = Effect.Services<ReturnType<typeof checkCommand>>

/** The check of commands, as the command line reads them. */
export const commandsLayer = Layer.effect(
  Commands,
  Effect.map(Effect.context<Environment>(), (context) =>
    Commands.of({ check: (words) => Effect.provideContext(checkCommand(words), context) })
  )
)
