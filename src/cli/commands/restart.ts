import { Command } from "effect/cli"
import { restart } from "../../steps/ControlPipelines.ts"
import { control, controlFlags } from "../controlCommand.ts"
import { descriptions } from "../pipelines/builtin.ts"

/** `jiji restart`. */
export const command = Command.make("restart", controlFlags, (flags) => control(restart, "restart", flags)).pipe(
  Command.withDescription(descriptions.restart),
  Command.withExamples([
    { command: "jiji restart web", description: "Restart one service on all its servers" },
    { command: "jiji restart -H web1", description: "Restart everything on one server" }
  ])
)
