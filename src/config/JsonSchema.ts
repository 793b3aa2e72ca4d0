import { Schema } from "effect"
import { DeployFile } from "./DeployFile.ts"

/** Returns the JSON Schema (draft 2020-12) of deploy.yml for editors, which is in `docs/deploy.schema.json`. */
export const jsonSchema = (): string => {
  const { definitions, schema } = Schema.toJsonSchemaDocument(DeployFile, { onExcessProperty: "error" })
  const document = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    ...schema,
    ...(Object.keys(definitions).length > 0 && { $defs: definitions })
  }
  return `${JSON.stringify(document, null, 2)}\n`
}
