import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { CommandWords, NoCommandGiven } from "../exec/CommandWords.ts"
import { execInService } from "../exec/execInService.ts"
import { NoServiceToRunIn } from "../exec/place.ts"
import { hostsFlag, projectFlags } from "../flags.ts"
import { descriptions } from "../pipelines/builtin.ts"

/** `jiji exec`. The words after `--` are in {@link CommandWords}. */
export const command = Command.make(
  "exec",
  {
    service: Argument.String("service").pipe(
      Argument.withDescription("Service to run in; SERVICE.2 for its second replica"),
      Argument.optional
    ),
    fresh: Flag.Boolean("new").pipe(
      Flag.withDescription("Run in a new container of the same image, and remove it afterwards"),
      Flag.withDefault(false)
    ),
    ...projectFlags,
    hosts: hostsFlag
  },
  Effect.fnUntraced(function* ({ fresh, hosts, service, ...flags }) {
    const [program, ...args] = (yield* CommandWords) ?? []
    if (Option.isNone(service)) return yield* new NoServiceToRunIn({ command: "jiji exec" })
    if (program === undefined) return yield* new NoCommandGiven({ command: `jiji exec ${service.value}` })
    yield* execInService({ ...flags, fresh, hosts, place: service.value, command: () => [program, ...args] })
  })
).pipe(
  Command.withDescription(descriptions.exec),
  Command.withExamples([
    { command: "jiji exec web -- sh", description: "Open a shell in the container of web on its first server" },
    { command: "jiji exec web -H '*' -- df -h", description: "Run a command on all servers of web" },
    {
      command: "jiji exec web --new -- bin/migrate",
      description: "Run a command in a new container of the same image"
    },
    { command: "jiji exec db -- pg_dump shop > shop.sql", description: "Copy what a command prints into a file" }
  ])
)
