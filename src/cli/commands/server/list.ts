import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import type { Project, Server } from "../../../config/Project.ts"
import { prettyJson } from "../../../reporters/json.ts"
import { alignColumns } from "../../../reporters/table.ts"
import { projectFlags } from "../../flags.ts"
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
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print the servers as JSON"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* ({ json, ...flags }) {
    const { write } = yield* Terminal
    const project = yield* loadProject(flags)
    const { engine, servers, unusedServers = [] } = project
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
    write(`${alignColumns([["SERVER", "ADDRESS", "ENGINE", "SERVICES"], ...rows, ...unused]).join("\n")}\n`)
  })
).pipe(
  Command.withDescription("List the servers in deploy.yml, and the services on each"),
  Command.withExamples([{ command: "jiji server list -e staging", description: "List the servers of an environment" }])
)
