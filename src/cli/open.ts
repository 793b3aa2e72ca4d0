import { Effect, type Option, Stdio, Stream } from "effect"
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
  const lines = (yield* warnings(project)).map(({ remedy, text }) => `warning: ${text}\n  → ${remedy}\n`)
  // Whoever reads stderr may be gone; that is no reason to stop.
  if (lines.length > 0) yield* Effect.ignore(Stream.run(Stream.fromIterable(lines), (yield* Stdio.Stdio).stderr()))
  return project
})
