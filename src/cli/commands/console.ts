import { Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { defineError } from "../../core/defineError.ts"
import { CommandWords } from "../exec/CommandWords.ts"
import { execInService } from "../exec/execInService.ts"
import { NoServiceToRunIn } from "../exec/place.ts"
import { hostsFlag, projectFlags } from "../flags.ts"

/** A service has no console command. */
export class NoConsole extends defineError<NoConsole>()("NoConsole", {
  fields: { service: Schema.String },
  message: (e) => `The service ${e.service} has no console command.`,
  remedy: (e) =>
    `Add it to deploy.yml, such as \`console: [bin/console]\` under services.${e.service}, or use \`jiji exec ${e.service} -- COMMAND\`.`,
  exitCode: "usage",
  sample: { service: "web" }
}) {}

/** `jiji console`. The words after `--` are in {@link CommandWords}. */
export const command = Command.make(
  "console",
  {
    service: Argument.String("service").pipe(
      Argument.withDescription("Service whose console to open; SERVICE.2 for its second replica"),
      Argument.optional
    ),
    fresh: Flag.Boolean("new").pipe(
      Flag.withDescription("Open it in a new container of the same image, and remove it afterwards"),
      Flag.withDefault(false)
    ),
    ...projectFlags,
    hosts: hostsFlag
  },
  Effect.fnUntraced(function* ({ fresh, hosts, service, ...flags }) {
    const more = (yield* CommandWords) ?? []
    if (Option.isNone(service)) return yield* new NoServiceToRunIn({ command: "jiji console" })
    yield* execInService({
      ...flags,
      fresh,
      hosts,
      place: service.value,
      command: ({ console: words = [], name }) => {
        const [program, ...args] = words
        if (program === undefined) return Effect.fail(new NoConsole({ service: name }))
        return [program, ...args, ...more]
      }
    })
  })
).pipe(
  Command.withDescription("Open the console of a service: its `console` command in deploy.yml"),
  Command.withExamples([
    { command: "jiji console web", description: "Open the console in the container of web on its first server" },
    { command: "jiji console web -- --sandbox", description: "Add arguments to the command" }
  ])
)
