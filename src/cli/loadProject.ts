import { Effect, type Option } from "effect"
import { load } from "../config/load.ts"
import { storageWarnings } from "../layers/secrets/storageWarnings.ts"
import { optionalProperty } from "./flags.ts"
import { formatWarning, OnGitHub } from "./github.ts"
import { writeStderr } from "./process/stderr.ts"

/** Loads the project that a command's flags name. Warns on stderr if its files of secrets are not safe. */
export const loadProject = Effect.fnUntraced(function* (flags: {
  readonly config?: Option.Option<string>
  readonly environment?: Option.Option<string>
}) {
  const { config, environment } = flags
  const project = yield* load({
    cwd: process.cwd(),
    ...(config !== undefined && optionalProperty("config", config)),
    ...(environment !== undefined && optionalProperty("environment", environment))
  })
  const onGitHub = yield* OnGitHub
  const warnings = (yield* storageWarnings(project)).map(({ remedy, text }) => formatWarning(onGitHub, text, remedy))
  if (warnings.length > 0) yield* writeStderr(warnings.join(""))
  return project
})
