import { Clock, Duration, Effect, Option, Struct } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { printable } from "../../core/text.ts"
import { jsonLine } from "../../reporters/json.ts"
import { formatDateTime } from "../../record/times.ts"
import { alignColumns } from "../../reporters/table.ts"
import { roles } from "../../serve/Role.ts"
import type { TokensShape } from "../../serve/Tokens.ts"
import { durationFlag } from "../durationFlag.ts"
import { writeStderr } from "../process/stderr.ts"
import { Terminal } from "../process/Terminal.ts"
import { ServeModule } from "../serve/ServeModule.ts"
import { stateFile, stateFlag } from "../serve/stateFlag.ts"
import { UserPaths } from "../UserPaths.ts"

/** Uses the tokens of the database that `--state` names. A `jiji serve` may use it at the same time. */
const useTokens = Effect.fnUntraced(function* <A, E>(
  state: Option.Option<string>,
  use: (tokens: TokensShape) => Effect.Effect<A, E>
) {
  const { serve: fallback } = yield* UserPaths
  const { withTokens } = yield* (yield* ServeModule).load
  return yield* withTokens(stateFile(state, fallback), use)
})

const nameArgument = Argument.String("name").pipe(
  Argument.withDescription("Name of the token, such as the person or program that uses it"),
  Argument.filter(
    (name) => /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/.test(name),
    () => 'a name of up to 64 letters, digits, ".", "_", "@" and "-"'
  )
)

const createCommand = Command.make(
  "create",
  {
    name: nameArgument,
    role: Flag.Literals("role", roles).pipe(
      Flag.withDescription("What it allows: to look; also to run; also to approve; also to administer (default: look)"),
      Flag.withDefault("look" as const)
    ),
    expires: durationFlag("expires", "a duration such as 12h or 90 days", 1000, 10 * 365 * 24 * 60 * 60 * 1000).pipe(
      Flag.withDescription("How long it is good for (default: until you revoke it)"),
      Flag.optional
    ),
    state: stateFlag
  },
  Effect.fnUntraced(function* ({ expires, name, role, state }) {
    const { write } = yield* Terminal
    const now = yield* Clock.currentTimeMillis
    const text = yield* useTokens(state, (tokens) =>
      tokens.create({
        name,
        role,
        ...Option.match(expires, {
          onNone: () => ({}),
          onSome: (duration) => ({ expires: now + Duration.toMillis(duration) })
        })
      })
    )
    yield* writeStderr("Keep this token; jiji stores only its hash and cannot show it again.\n")
    write(`${text}\n`)
  })
).pipe(
  Command.withDescription("Create a token and print it"),
  Command.withExamples([
    { command: "jiji token create ci --role run", description: "For a program that starts runs" },
    { command: "jiji token create ann --role look --expires '90 days'", description: "For a person, for a while" }
  ])
)

const listCommand = Command.make(
  "list",
  {
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print one JSON object per token"), Flag.withDefault(false)),
    state: stateFlag
  },
  Effect.fnUntraced(function* ({ json, state }) {
    const { write } = yield* Terminal
    const all = yield* useTokens(state, ({ list }) => list)
    if (json) return write(all.map((token) => jsonLine(Struct.omit(token, ["id"]))).join(""))
    if (all.length === 0) return write("No tokens yet.\n")
    const now = yield* Clock.currentTimeMillis
    const time = (millis: number | undefined) => (millis === undefined ? "never" : formatDateTime(millis))
    const rows = all.map(({ created, expires, name, role, used }) => [
      printable(name),
      role,
      formatDateTime(created),
      expires !== undefined && expires <= now ? "expired" : time(expires),
      time(used)
    ])
    write(`${alignColumns([["NAME", "ROLE", "CREATED", "EXPIRES", "LAST USED"], ...rows]).join("\n")}\n`)
  })
).pipe(Command.withDescription("List the tokens, without their secrets"))

const revokeCommand = Command.make(
  "revoke",
  { name: nameArgument, state: stateFlag },
  Effect.fnUntraced(function* ({ name, state }) {
    yield* useTokens(state, (tokens) => tokens.revoke(name))
    yield* writeStderr(`The token ${printable(name)} is revoked.\n`)
  })
).pipe(Command.withDescription("Revoke a token; streams that use it end within seconds"))

/** `jiji token`. */
export const command = Command.make("token").pipe(
  Command.withDescription("Manage the tokens that the HTTP API of jiji serve takes"),
  Command.withSubcommands([createCommand, listCommand, revokeCommand])
)
