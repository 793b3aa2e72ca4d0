import { Effect } from "effect"
import { Command } from "effect/cli"
import manifest from "../../../package.json" with { type: "json" }
import { Terminal } from "../process/Terminal.ts"

/** `jiji version`. */
export const command = Command.make(
  "version",
  {},
  Effect.fnUntraced(function* () {
    const { write } = yield* Terminal
    write(`${manifest.version}\n`)
  })
).pipe(
  Command.withDescription("Print the version"),
  Command.withExamples([{ command: "jiji version", description: "Print the version, like jiji --version" }])
)
