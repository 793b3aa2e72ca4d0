import { Effect } from "effect"
import { Command } from "effect/cli"
import { jsonSchema } from "../../config/JsonSchema.ts"
import { Terminal } from "../process/Terminal.ts"

/** `jiji schema`. */
export const command = Command.make(
  "schema",
  {},
  Effect.fnUntraced(function* () {
    const { write } = yield* Terminal
    write(jsonSchema())
  })
).pipe(
  Command.withDescription("Print the JSON Schema of deploy.yml, for editors"),
  Command.withExamples([
    {
      command: "jiji schema > .jiji/deploy.schema.json",
      description: "Update the schema that deploy.yml names in its first line"
    }
  ])
)
