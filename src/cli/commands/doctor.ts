import { Effect, Result } from "effect"
import { Command, Flag } from "effect/cli"
import { load } from "../../config/load.ts"
import type { Project } from "../../config/Project.ts"
import { select } from "../../config/select.ts"
import type { Event } from "../../core/Event.ts"
import type { Failure } from "../../core/Failure.ts"
import { plural } from "../../core/text.ts"
import { run } from "../../pipeline/interpreter/run.ts"
import * as Doctor from "../../reporters/doctorReport.ts"
import { feed } from "../../reporters/Reporter.ts"
import { checksFor, thisMachine } from "../../steps/doctor/Check.ts"
import * as Report from "../../steps/doctor/Report.ts"
import { doctor } from "../../steps/DoctorPipeline.ts"
import { dryRunFlag, hostsFlag, optionalProperty, projectFlags } from "../flags.ts"
import { descriptions } from "../pipelines/builtin.ts"
import { Terminal } from "../process/Terminal.ts"
import { runDry } from "../runDry.ts"
import { RunLayers } from "../RunLayers.ts"
import { withFollowers } from "../withFollowers.ts"

/** Runs all checks. Progress is shown only on a terminal. */
const runChecks = Effect.fnUntraced(function* (project: Project, showProgress: boolean) {
  const { live } = yield* RunLayers
  const events: Array<Event> = []
  const collect = feed({ event: (event) => void events.push(event), end: () => {} })
  const progress = showProgress ? [feed(Doctor.checkProgress(yield* Terminal))] : []
  yield* withFollowers([collect, ...progress], run(doctor, { project }, live(project)))
  const { name, servers, services } = project
  const summary = `${name}: ${plural(services.length, "service")} on ${plural(servers.length, "server")}`
  return Report.make([checksFor(thisMachine).ok("config", summary), ...Report.checksOf(events)], project)
})

/** The report if there is no project to check, and why the other checks are skipped. */
const configFailed = (error: Failure, reason: string) => {
  const checks = checksFor(thisMachine)
  return Report.make([checks.failed("config", error), ...checks.skipped(reason, "secrets", "engine", "registry")])
}

const print = Effect.fnUntraced(function* (report: Report.Report, json: boolean) {
  const terminal = yield* Terminal
  terminal.write(`${json ? Doctor.reportJson(report) : Doctor.reportLines(report, terminal).join("\n")}\n`)
})

/** `jiji doctor`. */
export const command = Command.make(
  "doctor",
  {
    ...projectFlags,
    hosts: hostsFlag,
    dryRun: dryRunFlag,
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print the report as JSON; with --dry-run, print the events"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* ({ config, dryRun, environment, hosts, json }) {
    // Not `loadProject`: what it warns about is part of the checks.
    const loaded = yield* Effect.result(
      load({
        cwd: process.cwd(),
        ...optionalProperty("config", config),
        ...optionalProperty("environment", environment)
      })
    )
    if (dryRun && Result.isSuccess(loaded)) {
      const project = yield* select(loaded.success, { servers: hosts, services: [] })
      const heading = [
        `Dry run: check this machine and the servers of ${project.name}.`,
        "Nothing is checked and no connection is made."
      ]
      return yield* runDry(doctor, { project }, { json, heading })
    }
    if (Result.isFailure(loaded)) {
      const report = configFailed(loaded.failure, "requires a valid deploy.yml")
      yield* print(report, json)
      return yield* Report.failure(report)
    }
    const project = yield* select(loaded.success, { servers: hosts, services: [] }).pipe(
      // A program that reads the report gets one even if -H matches no server.
      Effect.tapError((error) => (json ? print(configFailed(error, "requires a matching server"), json) : Effect.void))
    )
    const { canRedraw } = yield* Terminal
    const report = yield* runChecks(project, canRedraw && !json)
    yield* print(report, json)
    if (!report.ok) return yield* Report.failure(report)
  })
).pipe(
  Command.withDescription(descriptions.doctor),
  Command.withExamples([
    { command: "jiji doctor", description: "Check everything in .jiji/deploy.yml" },
    { command: "jiji doctor -H 'web*' --json", description: "Check some servers and print JSON" }
  ])
)
