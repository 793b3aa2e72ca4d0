import { Effect, type Option } from "effect"
import { load } from "../config/load.ts"
import { storageWarnings } from "../layers/secrets/storageWarnings.ts"
import { aside } from "./process/stderr.ts"
import { given } from "./flags.ts"
import { OnGitHub, warned } from "./github.ts"

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
  const onGitHub = yield* OnGitHub
  const lines = (yield* storageWarnings(project)).map(({ remedy, text }) => warned(onGitHub, text, remedy))
  if (lines.length > 0) yield* aside(lines.join(""))
  return project
})
