import { Effect } from "effect"
import { Command } from "effect/cli"
import { select } from "../../../config/select.ts"
import { serverExec } from "../../../steps/ServerExecPipeline.ts"
import { CommandWords, NoCommandGiven } from "../../exec/CommandWords.ts"
import { runExec } from "../../exec/runExec.ts"
import { hostsFlag, projectFlags } from "../../flags.ts"
import { loadProject } from "../../loadProject.ts"
import { descriptions } from "../../pipelines/builtin.ts"

/** `jiji server exec`. The words after `--` are in {@link CommandWords}. */
export const command = Command.make(
  "exec",
  { ...projectFlags, hosts: hostsFlag },
  Effect.fnUntraced(function* ({ hosts, ...flags }) {
    const [program, ...args] = (yield* CommandWords) ?? []
    if (program === undefined) return yield* new NoCommandGiven({ command: "jiji server exec" })
    const selected = yield* select(yield* loadProject(flags), { servers: hosts })
    const project = hosts.length === 0 ? { ...selected, servers: selected.servers.slice(0, 1) } : selected
    const command = [program, ...args] as const
    yield* runExec(serverExec, (session) => ({ project, command, session }), project)
  })
).pipe(
  Command.withDescription(descriptions.serverExec),
  Command.withExamples([
    { command: "jiji server exec -- bash", description: "Open a shell on the first server" },
    { command: "jiji server exec -H '*' -- uptime", description: "Run a command on all servers" }
  ])
)
