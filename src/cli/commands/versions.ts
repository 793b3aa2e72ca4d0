import { Clock, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { select } from "../../config/select.ts"
import { Scrubber } from "../../core/Scrubber.ts"
import { plural } from "../../core/text.ts"
import { run } from "../../pipeline/interpreter/run.ts"
import { prettyJson } from "../../reporters/json.ts"
import { versionsJson, versionsLines } from "../../reporters/versionsTable.ts"
import { ServersNotAsked } from "../../steps/PsPipeline.ts"
import { versions, type VersionsReport } from "../../steps/VersionsPipeline.ts"
import { dryRunFlag, globFlag, hostsFlag, projectFlags } from "../flags.ts"
import { loadProject } from "../loadProject.ts"
import { descriptions } from "../pipelines/builtin.ts"
import { Terminal } from "../process/Terminal.ts"
import { runDry } from "../runDry.ts"
import { RunLayers } from "../RunLayers.ts"

/** `jiji versions`. */
export const command = Command.make(
  "versions",
  {
    service: Argument.String("service").pipe(
      Argument.withDescription("Services to show, by name or glob (default: all)"),
      Argument.variadic()
    ),
    ...projectFlags,
    hosts: hostsFlag,
    services: globFlag("services", "S", "services"),
    dryRun: dryRunFlag,
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print the versions as JSON; with --dry-run, the events"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* ({ dryRun, hosts, json, service, services, ...flags }) {
    const names = [...service, ...services]
    const project = yield* select(yield* loadProject(flags), { servers: hosts, services: names })
    if (dryRun) {
      const heading = `Dry run: list the versions of ${project.name} on ${plural(project.servers.length, "server")}.`
      return yield* runDry(versions, { project }, { json, heading: [heading, "No connection is made."] })
    }
    const { live } = yield* RunLayers
    const terminal = yield* Terminal
    const scrubber = yield* Scrubber
    const { statuses } = yield* Effect.provide(run(versions, { project }), live(project))
    const { environment, name } = project
    const report: VersionsReport = {
      version: 1,
      project: name,
      ...(environment !== undefined && { environment }),
      servers: statuses
    }
    const now = yield* Clock.currentTimeMillis
    const text = json ? prettyJson(versionsJson(report)) : versionsLines(report, now, terminal).join("\n")
    terminal.write(`${scrubber.text(text)}\n`)
    const failures = statuses.flatMap(({ error, name }) => (error === undefined ? [] : [{ server: name, ...error }]))
    if (failures.length > 0) return yield* new ServersNotAsked({ failures })
  })
).pipe(
  Command.withDescription(descriptions.versions),
  Command.withExamples([
    { command: "jiji versions", description: "List the versions that each server can go back to" },
    { command: "jiji versions web --json", description: "Process the versions of one service in another program" }
  ])
)
