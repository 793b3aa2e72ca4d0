import { Clock, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { select } from "../../config/select.ts"
import type { Event } from "../../core/Event.ts"
import { Scrubber } from "../../core/Scrubber.ts"
import { plural } from "../../core/text.ts"
import { timeOf } from "../../layers/docker/logs/LogLine.ts"
import { run } from "../../pipeline/interpreter/run.ts"
import { parsePath } from "../../reporters/eventLine.ts"
import { logJson, logText } from "../../reporters/logLines.ts"
import { feed } from "../../reporters/Reporter.ts"
import { type LogLine, logs, type LogsQuery } from "../../steps/LogsPipeline.ts"
import { ConflictingFlags } from "../ConflictingFlags.ts"
import { dryRunFlag, globFlag, hostsFlag, projectFlags } from "../flags.ts"
import { formatWarning, OnGitHub } from "../github.ts"
import { loadProject } from "../loadProject.ts"
import { descriptions } from "../pipelines/builtin.ts"
import { writeStderrSync } from "../process/stderr.ts"
import { reserveStdout, writeStdoutFully } from "../process/stdout.ts"
import { Terminal } from "../process/Terminal.ts"
import { runDry } from "../runDry.ts"
import { RunLayers } from "../RunLayers.ts"
import { parseTimeFlag, timeExpected } from "../timeFlag.ts"
import { withFollowers } from "../withFollowers.ts"

/** How many lines of each container are printed by default. */
const defaultLines = 100

const timeFlag = (name: "since" | "until", description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("TIME"),
    Flag.withDescription(description),
    Flag.filter(
      (text) => Option.isSome(parseTimeFlag(text, 0)),
      () => timeExpected
    ),
    Flag.optional
  )

const flags = {
  service: Argument.String("service").pipe(
    Argument.withDescription("Services to print, by name or glob (default: all)"),
    Argument.variadic()
  ),
  follow: Flag.Boolean("follow").pipe(
    Flag.withAlias("f"),
    Flag.withDescription("Keep printing new lines, also those of new containers, until Ctrl-C"),
    Flag.withDefault(false)
  ),
  lines: Flag.String("lines").pipe(
    Flag.withAlias("n"),
    Flag.withMetavar("COUNT"),
    Flag.withDescription(
      `Read the last COUNT lines of each container, or "all" (default: ${defaultLines}; with --since, --until or --grep, all)`
    ),
    Flag.filterMap(
      (text): Option.Option<number | "all"> =>
        text === "all"
          ? Option.some("all" as const)
          : Option.liftPredicate(Number(text), (count) => /^\d+$/.test(text) && Number.isSafeInteger(count)),
      () => 'a whole number, or "all"'
    ),
    Flag.optional
  ),
  since: timeFlag("since", "Print only lines from this time on: 10m, 2h, 2026-11-29T14:00:00Z"),
  until: timeFlag("until", "Print only lines up to this time"),
  grep: Flag.String("grep").pipe(
    Flag.withMetavar("PATTERN"),
    Flag.withDescription("Print only lines that match a JavaScript regular expression"),
    Flag.filterMap(
      (text): Option.Option<RegExp> => {
        try {
          return Option.some(new RegExp(text, "u"))
        } catch {
          return Option.none()
        }
      },
      () => "a JavaScript regular expression"
    ),
    Flag.optional
  ),
  timestamps: Flag.Boolean("timestamps").pipe(
    Flag.withAlias("t"),
    Flag.withDescription("Print when the engine got each line, in UTC"),
    Flag.withDefault(false)
  ),
  ...projectFlags,
  hosts: hostsFlag,
  services: globFlag("services", "S", "services"),
  dryRun: dryRunFlag,
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print one JSON object per line; with --dry-run, print the events"),
    Flag.withDefault(false)
  )
}

/** Prints warnings on stderr, such as that of a server that is lost. */
const warnings = (onGitHub: boolean) => ({
  event: (event: Event): void => {
    if (event._tag !== "StepNoted" || event.level !== "warning") return
    const [server] = parsePath(event.path).keys
    writeStderrSync(formatWarning(onGitHub, server === undefined ? event.text : `${server}: ${event.text}`))
  },
  end: () => {}
})

/** `jiji logs`. */
export const command = Command.make(
  "logs",
  flags,
  Effect.fnUntraced(function* (given) {
    const { follow, json, timestamps } = given
    if (follow && Option.isSome(given.until)) return yield* new ConflictingFlags({ flags: ["--follow", "--until"] })
    const loaded = yield* loadProject(given)
    const globs = { servers: given.hosts, services: [...given.service, ...given.services] }
    const project = yield* select(loaded, globs)
    const now = yield* Clock.currentTimeMillis
    const time = (flag: Option.Option<string>) =>
      Option.map(
        Option.flatMap(flag, (text) => parseTimeFlag(text, now)),
        timeOf
      )
    const [since, until] = [time(given.since), time(given.until)]
    const isLimited = Option.isSome(since) || Option.isSome(until) || Option.isSome(given.grep)
    const lines = Option.getOrElse(given.lines, () => (isLimited ? ("all" as const) : defaultLines))
    const query: LogsQuery = {
      follow,
      ...(lines !== "all" && { tail: lines }),
      ...(Option.isSome(since) && { since: since.value }),
      ...(Option.isSome(until) && { until: until.value })
    }
    if (given.dryRun) {
      const heading = `Dry run: print the logs of ${project.name} on ${plural(project.servers.length, "server")}.`
      const input = { project, query, write: () => Effect.void }
      return yield* runDry(logs, input, { json, heading: [heading, "No connection is made."] })
    }
    const terminal = yield* Terminal
    const scrubber = yield* Scrubber
    const { live } = yield* RunLayers
    const servers = project.servers.map(({ name }) => name)
    const services = project.services.map(({ name }) => name)
    const format = json ? logJson : logText({ servers, services, timestamps }, terminal)
    const pattern = Option.getOrUndefined(given.grep)
    const isWanted = ({ text }: LogLine) => pattern === undefined || pattern.test(text)
    const write = (all: ReadonlyArray<LogLine>) => {
      const text = all.filter(isWanted).map(format).join("")
      return text === "" ? Effect.void : writeStdoutFully(scrubber.text(text))
    }
    reserveStdout()
    const follower = feed(warnings(yield* OnGitHub))
    yield* withFollowers([follower], run(logs, { project, query, write }, live(project))).pipe(
      Effect.catchTag("OutputClosed", () => Effect.void)
    )
  })
).pipe(
  Command.withDescription(descriptions.logs),
  Command.withExamples([
    { command: "jiji logs", description: `Print the last ${defaultLines} lines of each container` },
    { command: "jiji logs -f web", description: "Follow one service on all its servers, also over deploys" },
    { command: "jiji logs --since 1h --grep 'error|timeout'", description: "Search the lines of the last hour" },
    { command: "jiji logs -H web1 -n all --json", description: "Print everything of one server for a program" }
  ])
)
