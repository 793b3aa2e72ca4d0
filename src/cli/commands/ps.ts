import { Clock, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { select } from "../../config/select.ts"
import { Scrubber } from "../../core/Scrubber.ts"
import { plural } from "../../core/text.ts"
import { run } from "../../pipeline/interpreter/run.ts"
import { jsonLine, prettyJson } from "../../reporters/json.ts"
import { region } from "../../reporters/live/region.ts"
import { psJson, psLines } from "../../reporters/psTable.ts"
import { truncate } from "../../reporters/text.ts"
import { ps, type PsInput, type PsReport, ServersNotAsked } from "../../steps/PsPipeline.ts"
import { dryRunFlag, globFlag, hostsFlag, projectFlags } from "../flags.ts"
import { loadProject } from "../loadProject.ts"
import { descriptions } from "../pipelines/builtin.ts"
import { writeStdoutFully } from "../process/stdout.ts"
import { Terminal } from "../process/Terminal.ts"
import { runDry } from "../runDry.ts"
import { RunLayers } from "../RunLayers.ts"

/** How often `--watch` asks the servers. */
const watchEvery = "2 seconds"

/** Runs the pipeline once. */
const look = Effect.fnUntraced(function* (input: PsInput) {
  const { statuses } = yield* run(ps, input)
  const { environment, name } = input.project
  const report: PsReport = {
    version: 1,
    project: name,
    ...(environment !== undefined && { environment }),
    servers: statuses
  }
  return report
})

/** Fails if a server could not be asked. */
const requireAll = ({ servers }: PsReport) => {
  const failures = servers.flatMap(({ error, name }) => (error === undefined ? [] : [{ server: name, ...error }]))
  return failures.length === 0 ? Effect.void : Effect.fail(new ServersNotAsked({ failures }))
}

/** Prints reports again and again: in a terminal over the last one, elsewhere below it. */
const watch = Effect.fnUntraced(function* (input: PsInput, json: boolean) {
  const terminal = yield* Terminal
  const scrubber = yield* Scrubber
  const screen = terminal.canRedraw && !json ? region(terminal) : undefined
  while (true) {
    const report = yield* look(input)
    const now = yield* Clock.currentTimeMillis
    if (json) yield* writeStdoutFully(scrubber.text(jsonLine(psJson(report))))
    else {
      const lines = psLines(report, now, terminal).map(scrubber.text)
      if (screen === undefined) yield* writeStdoutFully(`${lines.join("\n")}\n\n`)
      else {
        const fitting = lines.map((line) => truncate(line, terminal.columns))
        screen.draw([], fitting.slice(0, Math.max(1, terminal.rows - 1)))
      }
    }
    yield* Effect.sleep(watchEvery)
  }
})

/** `jiji ps`. */
export const command = Command.make(
  "ps",
  {
    service: Argument.String("service").pipe(
      Argument.withDescription("Services to show, by name or glob (default: all)"),
      Argument.variadic()
    ),
    stats: Flag.Boolean("stats").pipe(
      Flag.withDescription("Measure the CPU and memory use of each container (takes 2 seconds)"),
      Flag.withDefault(false)
    ),
    watch: Flag.Boolean("watch").pipe(
      Flag.withDescription("Show changes as they happen, until Ctrl-C"),
      Flag.withDefault(false)
    ),
    ...projectFlags,
    hosts: hostsFlag,
    services: globFlag("services", "S", "services"),
    dryRun: dryRunFlag,
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print the report as JSON; with --watch, one line each; with --dry-run, the events"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* ({ dryRun, hosts, json, service, services, stats, watch: isWatching, ...flags }) {
    const whole = yield* loadProject(flags)
    const names = [...service, ...services]
    const project = yield* select(whole, { servers: hosts, services: names })
    const input: PsInput = { project, stats, ...(names.length === 0 && { whole }) }
    if (dryRun) {
      const heading = `Dry run: list the containers of ${project.name} on ${plural(project.servers.length, "server")}.`
      return yield* runDry(ps, input, { json, heading: [heading, "No connection is made."] })
    }
    const { live } = yield* RunLayers
    if (isWatching)
      return yield* watch(input, json).pipe(
        Effect.provide(live(project)),
        Effect.catchTag("OutputClosed", () => Effect.void)
      )
    const terminal = yield* Terminal
    const scrubber = yield* Scrubber
    const report = yield* Effect.provide(look(input), live(project))
    const now = yield* Clock.currentTimeMillis
    const text = json ? prettyJson(psJson(report)) : psLines(report, now, terminal).join("\n")
    terminal.write(`${scrubber.text(text)}\n`)
    yield* requireAll(report)
  })
).pipe(
  Command.withDescription(descriptions.ps),
  Command.withExamples([
    { command: "jiji ps", description: "Show every service on every server" },
    { command: "jiji ps --stats --watch web", description: "Watch one service, with its CPU and memory use" },
    {
      command: "jiji ps --json | jq '.servers[].services[] | select(.differs != [])'",
      description: "Find what differs from deploy.yml"
    }
  ])
)
