import { Schema } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Event } from "../../src/core/Event.ts"

const source = readFileSync(join(import.meta.dir, "../../src/core/Event.ts"), "utf8")

/** The doc comment above each event in the source. */
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
    description: "A line that --json prints. Newer versions may add keys and events.",
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

/** docs/events.md. */
export const events = (): string => `# Events

<!-- Written by bin/docs from src/core/Event.ts. -->

A run is a stream of events, and everything jiji shows about a run comes from them. With \`--json\`, \`jiji deploy\`, \`jiji run\`
and \`jiji registry login\` print each event as one line of JSON on stdout, and nothing else. Warnings, errors and the output of
a pipeline's file (\`console.log\`, \`process.stdout.write\`) go to stderr. Exit codes stay the same.
[events.schema.json](events.schema.json) is the JSON Schema of a line.

\`\`\`bash
jiji deploy --json > run.jsonl                                             # the whole run
jiji deploy --json | jq -r 'select(._tag == "StepFailed" and .kind == "step") | "\\(.path): \\(.failures[].message)"'
jiji deploy --json | jq -c 'select(.result.deployed) | .result.deployed'   # the result for each service and server
\`\`\`

Every event has:

| key | |
| --- | --- |
| \`_tag\` | the kind of event, from the table below |
| \`seq\` | its position in the stream, counted from 1 without gaps, whichever run it belongs to |
| \`run\` | ID of the run |
| \`time\` | epoch milliseconds |
| \`path\` | the node: \`deploy/servers[web1]/services[web]/pull\` |

In \`path\`, the key of an item has \`[\`, \`]\`, \`/\`, \`%\` and control characters percent-encoded: the item \`images/web\` is
\`push[images%2Fweb]\`.

Depending on its \`_tag\`, an event has more keys. \`?\` marks optional ones:

| event | keys | |
| --- | --- | --- |
${rows.join("\n")}

\`kind\` is \`step\`, \`pipeline\`, \`forEach\`, \`item\` (one of a \`forEach\`) or \`undo\`; \`millis\` is how long it took. A
failure in \`failures\` has a \`tag\` (the name of an error in [troubleshooting](troubleshooting.md)), a \`message\` and a
\`remedy\`.

## Runs inside runs

A step may start a run of its own with \`Pipeline.run\`. The events of that nested run are in the same stream, counted by the
same \`seq\`. They have the nested run's own ID in \`run\`, and their paths start with its pipeline's name. Its \`RunStarted\` has
the ID of the outer run in \`parent\`. The stream goes on after the end of a nested run: a run's last event has the same \`run\`
as the first event of the stream.

Live progress and plain text show the steps of nested runs, and the run's name at its end. The history, hooks, traces and
GitHub annotations and summaries only follow the outer run; its step shows how the nested run ended.

If a nested run fails or is interrupted, its steps are undone before it ends. If it has succeeded and the outer run fails later,
its steps are undone together with those of the outer run. By then its own last event is published, so these undos have the outer
run's ID, and paths below the step that started it: \`release/notify/child/send/undo\`.

## Dry runs

With \`--dry-run --json\`, a command prints the same events, of a run on simulated machines. Its \`RunStarted\` has \`"dryRun": true\`.
Everything that it would do on a machine is a \`CommandPlanned\` or an \`ActionPlanned\`, in order. Live runs have neither.

\`\`\`bash
jiji deploy --dry-run --json | jq -r 'select(._tag == "CommandPlanned") | "\\(.machine): \\(.text)"'
\`\`\`

- A command is in \`words\`. If \`script\` is present, it is one of jiji's own (\`jiji script NAME\` prints it), \`words\` are its
  arguments (\`NAME=VALUE\`), and \`byHand\` has the words of each command that a person would type to do the same.
- \`env\` has the names of its variables, and \`stdin\` is true if it gets input. Values of secrets, and hashes that include
  them, are left out. IDs, digests and addresses are placeholders.
- The \`action\` of an \`ActionPlanned\` is \`connect\` (over SSH), \`forward\` (of the server's \`port\`), \`import\` (of an \`image\` into
  the local registry) or \`serve\` (of that registry on \`port\`).

## Guarantees

- The first event is \`RunStarted\`. The last one of a run is \`RunSucceeded\`, \`RunFailed\` or \`RunInterrupted\`; without it, jiji was
  killed.
- Every node that starts ends exactly once, with \`StepSucceeded\`, \`StepSkipped\`, \`StepFailed\` or \`StepInterrupted\`. An item that
  never started has only a \`StepSkipped\`. Every \`ResourceAcquired\` is followed by one \`ResourceReleased\`, in reverse order
  within a node.
- A pipeline can be retried: \`StepRetried\` then has the path of the pipeline, and the nodes of its second attempt are below
  \`PIPELINE[2]\`, a node of the kind \`pipeline\`. So a run can succeed although nodes in it have failed.
- Events of nodes that run at the same time are interleaved; \`path\` tells them apart.
- No event contains a secret that jiji knows: it is replaced by \`<redacted>\` in free text and in data, such as output,
  messages, item keys and results. Keys, tags, \`kind\`, \`level\`, \`stream\`, the literals and keys that a result's schema
  declares, and the names of jiji's own nodes never change, even if a secret has the same text.

\`version\` in \`RunStarted\` is 1. Newer versions of jiji may add keys and events without changing that number, so ignore what
you do not know. A breaking change gets another number.
`
