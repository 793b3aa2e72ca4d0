import { Clock, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { select } from "../../config/select.ts"
import { Scrubber } from "../../core/Scrubber.ts"
import { plural } from "../../core/text.ts"
import { run } from "../../pipeline/interpreter/run.ts"
import { auditJson, auditTable } from "../../reporters/auditTable.ts"
import { jsonLine } from "../../reporters/json.ts"
import { audit, type AuditInput } from "../../steps/AuditPipeline.ts"
import { ServersNotAsked } from "../../steps/PsPipeline.ts"
import { dryRunFlag, hostsFlag, projectFlags } from "../flags.ts"
import { loadProject } from "../loadProject.ts"
import { descriptions } from "../pipelines/builtin.ts"
import { Terminal } from "../process/Terminal.ts"
import { runDry } from "../runDry.ts"
import { RunLayers } from "../RunLayers.ts"
import { parseTimeFlag, timeExpected } from "../timeFlag.ts"

/** How many entries are shown by default. */
const defaultCount = 20

/** `jiji audit`. */
export const command = Command.make(
  "audit",
  {
    number: Flag.String("number").pipe(
      Flag.withAlias("n"),
      Flag.withMetavar("COUNT"),
      Flag.withDescription(
        `How many entries to show, newest first (default: ${defaultCount}; with --since, all since then)`
      ),
      Flag.filterMap(
        (text) => Option.liftPredicate(Number(text), (count) => /^\d+$/.test(text) && count > 0),
        () => "a whole number, 1 or more"
      ),
      Flag.optional
    ),
    since: Flag.String("since").pipe(
      Flag.withMetavar("TIME"),
      Flag.withDescription("Show only entries from this time on: 2h, 7d, 2026-11-29"),
      Flag.filter(
        (text) => Option.isSome(parseTimeFlag(text, 0)),
        () => timeExpected
      ),
      Flag.optional
    ),
    ...projectFlags,
    hosts: hostsFlag,
    dryRun: dryRunFlag,
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print one JSON object per entry; with --dry-run, the events"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* ({ config, dryRun, environment, hosts, json, number, since }) {
    const project = yield* select(yield* loadProject({ config, environment }), { servers: hosts })
    const now = yield* Clock.currentTimeMillis
    const from = Option.flatMap(since, (text) => parseTimeFlag(text, now))
    const most = Option.isSome(from) ? 100_000 : defaultCount
    const input: AuditInput = {
      project,
      count: Option.getOrElse(number, () => most),
      ...(Option.isSome(from) && { since: from.value })
    }
    if (dryRun) {
      const heading = `Dry run: read the audit of ${project.name} on ${plural(project.servers.length, "server")}.`
      return void (yield* runDry(audit, input, { json, heading: [heading, "No connection is made."] }))
    }
    const { live } = yield* RunLayers
    const terminal = yield* Terminal
    const scrubber = yield* Scrubber
    const report = yield* Effect.provide(run(audit, input), live(project))
    const { failures } = report
    const entries = report.entries.toReversed()
    const text = json
      ? entries.map((entry) => jsonLine(auditJson(entry))).join("")
      : `${auditTable(entries, now, terminal).join("\n")}\n`
    terminal.write(scrubber.text(text))
    if (failures.length > 0) return yield* new ServersNotAsked({ failures })
  })
).pipe(
  Command.withDescription(descriptions.audit),
  Command.withExamples([
    { command: "jiji audit", description: "Show the last deploys, removals and locks of all people" },
    { command: "jiji audit --since 7d -H web1", description: "Show the last week on one server" },
    { command: "jiji audit --json | jq 'select(.outcome != \"succeeded\")'", description: "Find what did not succeed" }
  ])
)
