import { Effect, type Layer, Option, Redacted } from "effect"
import { Command, Flag, Prompt } from "effect/cli"
import type { Project } from "../../config/Project.ts"
import { secretNames, type SecretUse, secretUses } from "../../config/secretNames.ts"
import { Secrets } from "../../layers/secrets/Secrets.ts"
import { defineError } from "../../core/defineError.ts"
import type { Output } from "../../reporters/Reporter.ts"
import { layout } from "../../reporters/table.ts"
import { project } from "../flags.ts"
import { open } from "../loadProject.ts"

/** Secret values can only be shown in a terminal. */
export class NoTerminal extends defineError<NoTerminal>()("NoTerminal", {
  fields: {},
  message: "--show-values shows secrets, so it works only in a terminal.",
  remedy: "Run it in a terminal without redirecting input or output, or leave out --show-values.",
  exitCode: "usage",
  sample: {}
}) {}

/** What the command takes from the outside. */
export interface SecretsLayers<R> {
  readonly secrets: (project: Project) => Layer.Layer<Secrets, never, R>
  readonly output: Output
  /** Whether a person is at both ends. */
  readonly interactive: boolean
}

/** A value on one line; with quotes where it would not be told from what is around it. */
const shown = (value: string): string =>
  /^[\p{L}\p{N}\p{P}\p{S}]+$/u.test(value) ? value : JSON.stringify(value).replaceAll(/\p{Cc}|\p{Cf}/gu, "�")

const look = Effect.fnUntraced(function* ({ by, ref }: SecretUse) {
  if (ref._tag === "Command") return { name: ref.key, found: "deploy.yml, by a command", by, ref }
  const place = yield* (yield* Secrets).where(ref.name)
  const found = Option.match(place, {
    onNone: () => "missing",
    onSome: ({ command, place }) => (command ? `${place}, by a command` : place)
  })
  return { name: ref.name, found, by, ref: Option.isSome(place) ? ref : undefined }
})

const print = Effect.fnUntraced(function* (loaded: Project, output: Output, values: boolean) {
  const secrets = yield* Secrets
  const rows = yield* Effect.forEach(secretUses(loaded), look)
  const last = yield* Effect.forEach(rows, ({ by, ref }) => {
    if (!values) return Effect.succeed(by.join(", "))
    if (ref === undefined) return Effect.succeed("")
    return Effect.map(secrets.value(ref), (value) => shown(Redacted.value(value)))
  })
  const table = rows.map(({ found, name }, index) => [name, found, last[index] ?? ""])
  const whole = layout([["SECRET", "FOUND IN", values ? "VALUE" : "USED BY"], ...table])
  const fits = values || whole.every((line) => line.length <= output.columns)
  const lines = fits ? whole : layout([["SECRET", "FOUND IN"], ...table.map((row) => row.slice(0, 2))])
  output.write(rows.length === 0 ? `${loaded.name} needs no secrets.\n` : `${lines.join("\n")}\n`)
  const missing = yield* secrets.missing(secretNames(loaded))
  if (Option.isSome(missing)) return yield* missing.value
})

/** `jiji secrets`. */
export const command = <R>({ interactive, output, secrets }: SecretsLayers<R>) =>
  Command.make("secrets").pipe(
    Command.withDescription("Look at the secrets that the project needs"),
    Command.withSubcommands([
      Command.make(
        "print",
        {
          ...project,
          showValues: Flag.Boolean("show-values").pipe(
            Flag.withDescription("Shows the values too, after asking; runs the commands that stand for some"),
            Flag.withDefault(false)
          )
        },
        Effect.fnUntraced(function* ({ config, environment, showValues }) {
          if (showValues && !interactive) return yield* new NoTerminal()
          const loaded = yield* open({ config, environment })
          if (showValues) {
            const message = "Show the values on this screen?"
            const sure = yield* Effect.catchTag(
              Prompt.run(Prompt.Confirm({ message })),
              "QuitError",
              () => Effect.interrupt
            )
            if (!sure) return
          }
          yield* print(loaded, output, showValues).pipe(Effect.provide(secrets(loaded)))
        })
      ).pipe(
        Command.withDescription("List the secrets that the project needs, and where each is found"),
        Command.withExamples([
          { command: "jiji secrets print", description: "What is needed, where it is found, and what is missing" },
          { command: "jiji secrets print -e staging", description: "The same for an environment" }
        ])
      )
    ])
  )
