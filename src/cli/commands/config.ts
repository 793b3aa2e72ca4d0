import { Command, Flag } from "effect/cli"
import { Effect } from "effect"
import { stringify } from "yaml"
import { describeProject } from "../../config/describe.ts"
import { select } from "../../config/select.ts"
import { prettyJson } from "../../reporters/json.ts"
import { globFlag, hostsFlag, projectFlags } from "../flags.ts"
import { loadProject } from "../loadProject.ts"
import { Terminal } from "../process/Terminal.ts"

/** `jiji config`. */
export const command = Command.make(
  "config",
  {
    ...projectFlags,
    hosts: hostsFlag,
    services: globFlag("services", "S", "services"),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print JSON instead of YAML"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* ({ hosts, json, services, ...flags }) {
    const { write } = yield* Terminal
    const project = yield* select(yield* loadProject(flags), { servers: hosts, services })
    const described = describeProject(project)
    write(json ? `${prettyJson({ version: 1, ...described })}\n` : stringify(described, { lineWidth: 0 }))
  })
).pipe(
  Command.withDescription("Print the project as jiji understands it, with defaults; of secrets, only the names"),
  Command.withExamples([
    { command: "jiji config -e staging", description: "Print deploy.yml with .jiji/deploy.staging.yml merged on top" },
    { command: "jiji config --json | jq '.services.web'", description: "Process it in another program" }
  ])
)
