import { Command } from "effect/cli"
import { start } from "../../steps/ControlPipelines.ts"
import { control, controlFlags } from "../controlCommand.ts"
import { descriptions } from "../pipelines/builtin.ts"

/** `jiji start`. */
export const command = Command.make("start", controlFlags, (flags) => control(start, "start", flags)).pipe(
  Command.withDescription(descriptions.start),
  Command.withExamples([
    { command: "jiji start web", description: "Start one service on all its servers" },
    { command: "jiji start -H web1", description: "Start everything on one server" }
  ])
)
