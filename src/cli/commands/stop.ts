import { Command } from "effect/cli"
import { stop } from "../../steps/ControlPipelines.ts"
import { control, controlFlags } from "../controlCommand.ts"
import { descriptions } from "../pipelines/builtin.ts"

/** `jiji stop`. */
export const command = Command.make("stop", controlFlags, (flags) => control(stop, "stop", flags)).pipe(
  Command.withDescription(descriptions.stop),
  Command.withExamples([
    { command: "jiji stop web", description: "Stop one service on all its servers" },
    { command: "jiji stop -H web1", description: "Stop everything on one server" }
  ])
)
