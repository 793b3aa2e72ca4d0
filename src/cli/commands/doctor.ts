import { Effect, Fiber, type Layer, Result, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { load } from "../../config/load.ts"
import type { Project } from "../../config/Project.ts"
import { select } from "../../config/select.ts"
import type { Diagnosis } from "../../layers/diagnosis/Diagnosis.ts"
import type { LocalRegistry } from "../../layers/registry/LocalRegistry.ts"
import type { Secrets } from "../../layers/secrets/Secrets.ts"
import type { Ssh } from "../../layers/ssh/Ssh.ts"
import { type Event, isEnd } from "../../core/Event.ts"
import { Events } from "../../core/Events.ts"
import type { Failure } from "../../core/Failure.ts"
import { run } from "../../pipeline/interpreter/run.ts"
import * as Doctor from "../../reporters/doctorReport.ts"
import type { Output } from "../../reporters/Reporter.ts"
import { thisMachine, checksFor } from "../../steps/doctor/Check.ts"
import * as Report from "../../steps/doctor/Report.ts"
import { doctor } from "../../steps/DoctorPipeline.ts"
import { dryRun, given, hosts, notBoth, project } from "../flags.ts"
import { rehearse } from "../rehearse.ts"
import type { RunLayers } from "../RunLayers.ts"
import { plural } from "../../core/text.ts"

type Services = Diagnosis | LocalRegistry | Secrets | Ssh

/** What the command takes from the outside. */
export interface DoctorLayers<R> {
  readonly live: (project: Project) => Layer.Layer<Services, never, R>
  readonly dry: RunLayers<R>["dry"]
  readonly output: Output
  /** Whether a person watches. */
  readonly watched: boolean
}

/** `jiji doctor`. */
export const command = <R>({ dry, live, output, watched }: DoctorLayers<R>) => {
  const examine = Effect.fnUntraced(function* (selected: Project, quiet: boolean) {
    const shown = Doctor.checkProgress(output)
    const stream = yield* (yield* Events).subscribe
    const seen: Array<Event> = []
    const take = (event: Event) => {
      seen.push(event)
      if (watched && !quiet) shown.event(event)
    }
    const reader = yield* stream.pipe(
      Stream.takeUntil(isEnd),
      Stream.runForEach((event) => Effect.sync(() => take(event))),
      Effect.forkChild({ startImmediately: true })
    )
    yield* run(doctor, { project: selected }, live(selected)).pipe(
      Effect.ensuring(Effect.timeoutOption(Fiber.await(reader), "2 seconds"))
    )
    if (watched && !quiet) shown.end()
    const { name, servers, services } = selected
    const text = `${name}: ${plural(services.length, "service")} on ${plural(servers.length, "server")}`
    return Report.make([checksFor(thisMachine).ok("config", text), ...Report.checksOf(seen)], selected)
  }, Effect.scoped)

  return Command.make(
    "doctor",
    {
      ...project,
      hosts,
      dryRun,
      json: Flag.Boolean("json").pipe(
        Flag.withDescription("Prints one JSON document, for programs"),
        Flag.withDefault(false)
      )
    },
    Effect.fnUntraced(function* ({ config, dryRun, environment, hosts, json }) {
      yield* notBoth({ json, dryRun })
      const cwd = process.cwd()
      // Not by `open`: what it warns of is among the checks.
      const loaded = yield* Effect.result(
        load({ cwd, ...given("config", config), ...given("environment", environment) })
      )
      if (dryRun && Result.isSuccess(loaded)) {
        const selected = yield* select(loaded.success, { servers: hosts, services: [] })
        return yield* rehearse({ dry, write: output.write }, doctor, { project: selected }, [
          `A rehearsal of looking at this machine and the servers of ${selected.name}.`,
          "Nothing is looked at and no connection is made."
        ])
      }
      const show = (report: Report.Report) =>
        output.write(`${json ? Doctor.reportJson(report) : Doctor.reportLines(report, output).join("\n")}\n`)
      const without = (error: Failure, why: string) =>
        Report.make([
          checksFor(thisMachine).failed("config", error),
          ...checksFor(thisMachine).skipped(why, "secrets", "engine", "registry")
        ])
      if (Result.isFailure(loaded)) {
        const report = without(loaded.failure, "all else needs deploy.yml")
        show(report)
        return yield* Report.failure(report)
      }
      const selected = yield* select(loaded.success, { servers: hosts, services: [] }).pipe(
        // A program that reads the report has one also where it asked for what there is not.
        Effect.tapError((error) =>
          Effect.sync(() => (json ? show(without(error, "all else needs a server that there is")) : undefined))
        )
      )
      const report = yield* examine(selected, json)
      show(report)
      if (!report.ok) return yield* Report.failure(report)
    })
  ).pipe(
    Command.withDescription("Look at this machine and the project's servers for what a deploy needs"),
    Command.withExamples([
      { command: "jiji doctor", description: "Look at all of .jiji/deploy.yml" },
      { command: "jiji doctor -H 'web*' --json", description: "Look at some servers, for a program" }
    ])
  )
}
