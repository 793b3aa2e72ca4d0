import { type OutputUnit, type Schema, Validator } from "@cfworker/json-schema"
import { readFileSync } from "node:fs"
import { join } from "node:path"

// Validates with another implementation of JSON Schema, as other programs would.
const schema: Schema = JSON.parse(readFileSync(join(import.meta.dir, "../../docs/events.schema.json"), "utf8"))
const validator = new Validator(schema, "2020-12")

/** The lines of `--json` output that violate the published schema. */
export const faults = (stdout: string): ReadonlyArray<{ readonly line: string; readonly errors: OutputUnit[] }> => {
  const lines = stdout.split("\n")
  const rest = lines.pop() ?? ""
  return [
    ...(rest === "" ? [] : [{ line: rest, errors: [] }]),
    ...lines.flatMap((line) => {
      const { errors, valid } = validator.validate(JSON.parse(line))
      return valid ? [] : [{ line, errors }]
    })
  ]
}
