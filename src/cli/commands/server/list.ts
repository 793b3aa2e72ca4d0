import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import type { Project, Server } from "../../../config/Project.ts"
import { prettyJson } from "../../../reporters/json.ts"
import { alignColumns } from "../../../reporters/table.ts"
import { select } from "../../../config/select.ts"
import { hostsFlag, projectFlags } from "../../flags.ts"
import { loadProject } from "../../loadProject.ts"
import { Terminal } from "../../process/Terminal.ts"

const addressOf = ({ host, port, user }: Server): string =>
  `${user === undefined ? "" : `${user}@`}${port === undefined ? host : host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`}`

const servicesOn = ({ services }: Project, { name }: Server): ReadonlyArray<string> =>
  services.filter(({ hosts }) => hosts.includes(name)).map((service) => service.name)

/** `jiji server list`. */
export const command = Command.make(
  "list",
  {
    ...projectFlags,
    hosts: hostsFlag,
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print the servers as JSON"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* ({ hosts, json, ...flags }) {
    const { write } = yield* Terminal
    const loaded = yield* loadProject(flags)
    const project = hosts.length === 0 ? loaded : yield* select(loaded, { servers: hosts })
    const { engine, servers } = project
    // `-H` selects among the servers that have services.
    const unusedServers = hosts.length === 0 ? (loaded.unusedServers ?? []) : []
    if (json) {
      const used = servers.map((server) => ({
        name: server.name,
        address: addressOf(server),
        engine,
        services: servicesOn(project, server)
      }))
      return write(`${prettyJson({ version: 1, project: project.name, servers: used, unused: unusedServers })}\n`)
    }
    const rows = servers.map((server) => [
      server.name,
      addressOf(server),
      engine,
      servicesOn(project, server).join(", ")
    ])
    const unused = unusedServers.map((name) => [name, "-", "-", "none"])
    write(`${alignColumns([["SERVER", "ADDRESS", "CONFIGURED ENGINE", "SERVICES"], ...rows, ...unused]).join("\n")}\n`)
  })
).pipe(
  Command.withDescription("List the servers in deploy.yml, with their services and the engine that is configured"),
  Command.withExamples([
    { command: "jiji server list -e staging", description: "List the servers of an environment" },
    { command: "jiji server list -H 'web*' --json", description: "Print some of them for a program" }
  ])
)
