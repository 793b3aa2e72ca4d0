import { Clock, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { select } from "../../config/select.ts"
import { Scrubber } from "../../core/Scrubber.ts"
import { joinWords, plural } from "../../core/text.ts"
import { run } from "../../pipeline/interpreter/run.ts"
import { listRuns } from "../../record/read.ts"
import { jsonLine } from "../../reporters/json.ts"
import { whyLines } from "../../reporters/whyLines.ts"
import { NotDeployed, why } from "../../steps/WhyPipeline.ts"
import { dryRunFlag, globFlag, hostsFlag, projectFlags } from "../flags.ts"
import { loadProject } from "../loadProject.ts"
import { descriptions } from "../pipelines/builtin.ts"
import { Terminal } from "../process/Terminal.ts"
import { runDry } from "../runDry.ts"
import { RunLayers } from "../RunLayers.ts"
import { UserPaths } from "../UserPaths.ts"

/** How many runs of the history to look through. */
const maxRuns = 10_000

/** `jiji why`. */
export const command = Command.make(
  "why",
  {
    service: Argument.String("service").pipe(
      Argument.withDescription("Services whose containers to explain, by name or glob (default: all)"),
      Argument.variadic()
    ),
    ...projectFlags,
    hosts: hostsFlag,
    services: globFlag("services", "S", "services"),
    dryRun: dryRunFlag,
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print one JSON object per container; with --dry-run, the events"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* ({ dryRun, hosts, json, service, services, ...flags }) {
    const project = yield* select(yield* loadProject(flags), { servers: hosts, services: [...service, ...services] })
    const names = project.services.map(({ name }) => name)
    if (dryRun) {
      const heading = `Dry run: look up the containers of ${joinWords(names)} on ${plural(project.servers.length, "server")}.`
      return yield* runDry(why, { project }, { json, heading: [heading, "No connection is made."] })
    }
    const { live } = yield* RunLayers
    const terminal = yield* Terminal
    const scrubber = yield* Scrubber
    const { origins } = yield* Effect.provide(run(why, { project }), live(project))
    if (origins.length === 0) {
      return yield* new NotDeployed({
        service: joinWords(names, "or"),
        servers: project.servers.map(({ name }) => name)
      })
    }
    if (json) return terminal.write(origins.map((each) => scrubber.text(jsonLine(each))).join(""))
    const { history } = yield* UserPaths
    // The containers say what matters: a history that cannot be read must not hide it.
    const runs = yield* Effect.orElseSucceed(listRuns(history, maxRuns), () => [])
    const byId = new Map(runs.map(({ id, outcome, pipeline }) => [id, { outcome, pipeline }]))
    const lines = whyLines(origins, byId, yield* Clock.currentTimeMillis, terminal)
    terminal.write(`${scrubber.text(lines.join("\n"))}\n`)
  })
).pipe(
  Command.withDescription(descriptions.why),
  Command.withExamples([
    {
      command: "jiji why web",
      description: "Show which run, commit and person the containers of web come from, and why"
    },
    { command: "jiji why web -H web1 --json | jq -r .commit", description: "Find the commit that runs on a server" }
  ])
)
