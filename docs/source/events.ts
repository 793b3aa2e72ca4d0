import { Schema } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Event } from "../../src/core/Event.ts"

const source = readFileSync(join(import.meta.dir, "../../src/core/Event.ts"), "utf8")

/** What the source says above each event. */
export const meanings: ReadonlyMap<string, string> = new Map(
  [...source.matchAll(/\/\*\* (.*) \*\/\nexport const (\w+) = Schema\.TaggedStruct/gu)].map(
    ([, meaning = "", tag = ""]) => [tag, meaning] as const
  )
)

const shape = Schema.Struct({
  type: Schema.Literal("object"),
  properties: Schema.StructWithRest(
    Schema.Struct({ _tag: Schema.Struct({ type: Schema.Literal("string"), enum: Schema.Tuple([Schema.String]) }) }),
    [Schema.Record(Schema.String, Schema.Unknown)]
  ),
  required: Schema.Array(Schema.String),
  additionalProperties: Schema.Unknown
})

const { anyOf } = Schema.decodeUnknownSync(Schema.Struct({ anyOf: Schema.Array(shape) }))(
  Schema.toJsonSchemaDocument(Event).schema
)

const stamp = new Set(["_tag", "seq", "run", "time", "path"])

/** The JSON Schema (draft 2020-12) of a line that `--json` prints. */
export const eventsSchema = (): string => {
  const events = anyOf.map((event) => {
    const tag = event.properties._tag.enum[0]
    return [tag, { description: meanings.get(tag), ...event }] as const
  })
  const document = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "An event of a run of jiji",
    description: "A line of what --json prints. Keys may be added to events, and events to these.",
    anyOf: events.map(([tag]) => ({ $ref: `#/$defs/${tag}` })),
    $defs: Object.fromEntries(events)
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

const rows = anyOf.map(({ properties, required }) => {
  const tag = properties._tag.enum[0]
  const keys = Object.keys(properties).filter((key) => !stamp.has(key))
  const shown = keys.map((key) => `\`${key}\`${required.includes(key) ? "" : "?"}`)
  return `| \`${tag}\` | ${shown.join(", ")} | ${meanings.get(tag) ?? ""} |`
})

/** The page that tells of them. */
export const events = (): string => `# Events

<!-- Written by bin/docs from src/core/Event.ts. -->

A run is a stream of events, and all that is shown of it is made from them. With \`--json\`, \`jiji deploy\`, \`jiji run\` and
\`jiji registry login\` print each as one line of JSON on stdout and nothing else; warnings, what a pipeline's file writes by
itself (\`console.log\`, \`process.stdout.write\`), and the sentence of a failure are on stderr. Exit codes are the same. [events.schema.json](events.schema.json) is the JSON Schema of a line.

\`\`\`bash
jiji deploy --json > run.jsonl                                             # the whole run
jiji deploy --json | jq -r 'select(._tag == "StepFailed" and .kind == "step") | "\\(.path): \\(.failures[].message)"'
jiji deploy --json | jq -c 'select(.result.deployed) | .result.deployed'   # what was done, by service and server
\`\`\`

Every event has:

| key | |
| --- | --- |
| \`_tag\` | what it is: one of those below |
| \`seq\` | its place in the run, counted from 1 without gaps |
| \`run\` | the run's id |
| \`time\` | milliseconds since 1970 |
| \`path\` | the node that it is about: \`deploy/servers[web1]/services[web]/pull\` |

In \`path\`, of the key of an item, \`[\`, \`]\`, \`/\`, \`%\` and control characters are written as URLs write them: that of
\`images/web\` is \`push[images%2Fweb]\`.

and, by its \`_tag\`, a \`?\` at those that need not be there:

| event | keys | |
| --- | --- | --- |
${rows.join("\n")}

\`kind\` is \`step\`, \`pipeline\`, \`forEach\`, \`item\` (one of a \`forEach\`) or \`undo\`; \`millis\` is how long it took. A
failure in \`failures\` has a \`tag\`, the name of an error in [troubleshooting](troubleshooting.md), a \`message\`, and a
\`remedy\`.

## What holds

- The first is \`RunStarted\`, the last is \`RunSucceeded\`, \`RunFailed\` or \`RunInterrupted\`. A stream without a last one is
  of a jiji that was killed.
- Every node that starts ends once, with \`StepSucceeded\`, \`StepSkipped\`, \`StepFailed\` or \`StepInterrupted\`; an item that
  is not begun has only a \`StepSkipped\`. Every \`ResourceAcquired\` is followed by one \`ResourceReleased\`, the last acquired
  first within a node.
- What runs at the same time has its events mixed; \`path\` tells them apart.
- No event holds a secret that jiji knows of; what was one is \`<redacted>\`.

\`version\` in \`RunStarted\` is 1. With that, keys and events may be added, and nothing else changes: a program passes over
what it does not know. What would break programs comes with another number.
`
