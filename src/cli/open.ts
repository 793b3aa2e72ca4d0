import { Console, Effect, type Option } from "effect"
import { load } from "../config/load.ts"
import { warnings } from "../layers/warnings.ts"
import { given } from "./flags.ts"

/** Loads the project that a command's flags name, and says on stderr what its user should know about it. */
export const open = Effect.fnUntraced(function* (flags: {
  readonly config?: Option.Option<string>
  readonly environment?: Option.Option<string>
}) {
  const { config, environment } = flags
  const project = yield* load({
    cwd: process.cwd(),
    ...(config !== undefined && given("config", config)),
    ...(environment !== undefined && given("environment", environment))
  })
  for (const { remedy, text } of yield* warnings(project)) yield* Console.error(`warning: ${text}\n  → ${remedy}`)
  return project
})
