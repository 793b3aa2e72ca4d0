import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { joinWords } from "../../core/text.ts"
import { stop } from "../../steps/ControlPipelines.ts"
import { ask, requireConfirmation } from "../confirm.ts"
import { control, controlFlags } from "../controlCommand.ts"
import { descriptions } from "../pipelines/builtin.ts"

/** `jiji stop`. */
export const command = Command.make(
  "stop",
  {
    ...controlFlags,
    yes: Flag.Boolean("yes").pipe(Flag.withDescription("Do not ask if no service is named"), Flag.withDefault(false))
  },
  ({ yes, ...flags }) =>
    control(
      stop,
      "stop",
      flags,
      Effect.fnUntraced(function* ({ name, servers }) {
        const what = `all services of ${name}`
        yield* requireConfirmation(what, { action: "stop", json: flags.json, yes })
        return yes || (yield* ask(`Stop ${what} on ${joinWords(servers.map((server) => server.name))}?`))
      })
    )
).pipe(
  Command.withDescription(descriptions.stop),
  Command.withExamples([
    { command: "jiji stop web", description: "Stop one service on all its servers" },
    { command: "jiji stop -H web1", description: "Stop everything on one server, after asking" }
  ])
)
