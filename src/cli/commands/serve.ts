import { Duration, Effect, Layer, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { durationFlag } from "../durationFlag.ts"
import { writeStderrSync } from "../process/stderr.ts"
import { commandsLayer } from "../serve/commandsLayer.ts"
import { hookSecretsLayer } from "../serve/hookSecretsLayer.ts"
import { ServeModule } from "../serve/ServeModule.ts"
import { stateFile, stateFlag } from "../serve/stateFlag.ts"
import { UserPaths } from "../UserPaths.ts"

const defaults = { port: 7070, host: "127.0.0.1", concurrency: 4, drain: Duration.minutes(5) } as const

const wholeNumber = (name: string, metavar: string, min: number, max: number) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.filterMap(
      (text) => Option.liftPredicate(Number(text), (count) => /^\d+$/.test(text) && count >= min && count <= max),
      () => `a whole number from ${min} to ${max}`
    )
  )

/** `jiji serve`. */
export const command = Command.make(
  "serve",
  {
    folder: Argument.String("folder").pipe(
      Argument.withDescription("Folder with the projects: those with a .jiji/deploy.yml (default: the current folder)"),
      Argument.withDefault(".")
    ),
    port: wholeNumber("port", "PORT", 0, 65_535).pipe(
      Flag.withDescription(`Port of the HTTP API; 0 for any free one (default: ${defaults.port})`),
      Flag.withDefault(defaults.port)
    ),
    host: Flag.String("host").pipe(
      Flag.withMetavar("ADDRESS"),
      Flag.withDescription(
        `Address to listen on; others than this machine's need a token first (default: ${defaults.host})`
      ),
      Flag.withDefault(defaults.host)
    ),
    concurrency: wholeNumber("concurrency", "COUNT", 1, 100).pipe(
      Flag.withDescription(`How many runs can run at the same time (default: ${defaults.concurrency})`),
      Flag.withDefault(defaults.concurrency)
    ),
    drain: durationFlag("drain", "a duration up to 24h, such as 30s or 10m", 0, 24 * 60 * 60 * 1000).pipe(
      Flag.withDescription("How long a stop waits for runs before it interrupts them (default: 5m)"),
      Flag.withDefault(defaults.drain)
    ),
    state: stateFlag
  },
  Effect.fnUntraced(function* ({ drain, state, ...options }) {
    const { serve } = yield* (yield* ServeModule).load
    const { history, serve: fallback } = yield* UserPaths
    return yield* serve({
      ...options,
      history,
      state: stateFile(state, fallback),
      drain: Duration.toMillis(drain),
      print: (line) => Effect.sync(() => writeStderrSync(`${line}\n`))
    }).pipe(Effect.provide(Layer.merge(commandsLayer, hookSecretsLayer)))
  })
).pipe(
  Command.withDescription("Run deploys and pipelines for an HTTP API and for events, one queue for a team"),
  Command.withExamples([
    { command: "jiji serve /srv/projects", description: "Serve the projects in a folder, on this machine only" },
    { command: "jiji token create ci --role run", description: "Let a program start runs" },
    {
      command: "jiji serve --host 0.0.0.0 --port 8080",
      description: "Listen on all addresses; put a proxy with HTTPS in front of it"
    }
  ])
)
