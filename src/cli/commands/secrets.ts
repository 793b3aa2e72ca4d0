import { Effect, Option, Redacted } from "effect"
import { Command, Flag } from "effect/cli"
import type { Project } from "../../config/Project.ts"
import { secretNames, type SecretUse, secretUses } from "../../config/secretNames.ts"
import { Secrets } from "../../layers/secrets/Secrets.ts"
import { defineError } from "../../core/defineError.ts"
import { alignColumns } from "../../reporters/table.ts"
import { projectFlags } from "../flags.ts"
import { loadProject } from "../loadProject.ts"
import { Terminal } from "../process/Terminal.ts"
import { ask } from "../confirm.ts"
import { RunLayers } from "../RunLayers.ts"

/** Secret values can only be shown in a terminal. */
export class NoTerminal extends defineError<NoTerminal>()("NoTerminal", {
  fields: {},
  message: "--show-values shows secrets, so it works only in a terminal.",
  remedy: "Run it in a terminal without redirecting input or output, or leave out --show-values.",
  exitCode: "usage",
  sample: {}
}) {}

/** A value on one line, quoted if it has spaces or invisible characters. */
const formatValue = (value: string): string =>
  /^[\p{L}\p{N}\p{P}\p{S}]+$/u.test(value) ? value : JSON.stringify(value).replaceAll(/\p{Cc}|\p{Cf}/gu, "�")

const findSecret = Effect.fnUntraced(function* ({ by, ref }: SecretUse) {
  if (ref._tag === "Command") return { name: ref.key, found: "deploy.yml (command)", by, ref }
  const place = yield* (yield* Secrets).locate(ref.name)
  const found = Option.match(place, {
    onNone: () => "missing",
    onSome: ({ isCommand, place }) => (isCommand ? `${place} (command)` : place)
  })
  return { name: ref.name, found, by, ref: Option.isSome(place) ? ref : undefined }
})

const print = Effect.fnUntraced(function* (project: Project, showValues: boolean) {
  const terminal = yield* Terminal
  const secrets = yield* Secrets
  const found = yield* Effect.forEach(secretUses(project), findSecret)
  const lastColumn = yield* Effect.forEach(found, ({ by, ref }) => {
    if (!showValues) return Effect.succeed(by.join(", "))
    if (ref === undefined) return Effect.succeed("")
    return Effect.map(secrets.value(ref), (value) => formatValue(Redacted.value(value)))
  })
  const rows = found.map(({ found, name }, index) => [name, found, lastColumn[index] ?? ""])
  const table = alignColumns([["SECRET", "FOUND IN", showValues ? "VALUE" : "USED BY"], ...rows])
  const fits = showValues || table.every((line) => line.length <= terminal.columns)
  const lines = fits ? table : alignColumns([["SECRET", "FOUND IN"], ...rows.map((row) => row.slice(0, 2))])
  terminal.write(rows.length === 0 ? `${project.name} needs no secrets.\n` : `${lines.join("\n")}\n`)
  const missing = yield* secrets.findMissing(secretNames(project))
  if (Option.isSome(missing)) return yield* missing.value
})

const printCommand = Command.make(
  "print",
  {
    ...projectFlags,
    showValues: Flag.Boolean("show-values").pipe(
      Flag.withDescription("Also print the values; asks first, and runs the commands of secrets"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* ({ config, environment, showValues }) {
    const { secrets } = yield* RunLayers
    const { isInteractive } = yield* Terminal
    if (showValues && !isInteractive) return yield* new NoTerminal()
    const project = yield* loadProject({ config, environment })
    if (showValues) {
      if (!(yield* ask("Print the secret values on this screen?"))) return
    }
    yield* print(project, showValues).pipe(Effect.provide(secrets(project)))
  })
).pipe(
  Command.withDescription("List the secrets that the project needs, and where each is found"),
  Command.withExamples([
    { command: "jiji secrets print", description: "List needed secrets, where they are found, and which are missing" },
    { command: "jiji secrets print -e staging", description: "The same for an environment" }
  ])
)

/** `jiji secrets`. */
export const command = Command.make("secrets").pipe(
  Command.withDescription("Inspect the project's secrets"),
  Command.withSubcommands([printCommand])
)
