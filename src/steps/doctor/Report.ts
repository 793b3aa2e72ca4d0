import { Option, Schema, Struct } from "effect"
import type { Project } from "../../config/Project.ts"
import type { Event } from "../../core/Event.ts"
import { defineError } from "../../core/defineError.ts"
import { address, Check, CheckResult, thisMachine } from "./Check.ts"

const { machine: _machine, ...ofCheck } = Check.fields

/** The checks of one machine, in order. */
export const MachineReport = Schema.Struct({
  /** `this machine`, or the server's name. */
  name: Schema.String,
  /** `user@host:port`, as deploy.yml has it; absent for this machine. */
  address: Schema.optionalKey(Schema.String),
  checks: Schema.Array(Schema.Struct(ofCheck))
})
export type MachineReport = typeof MachineReport.Type

/** What `jiji doctor --json` prints. */
export const Report = Schema.Struct({
  version: Schema.Literal(1),
  /** True if no check failed. */
  ok: Schema.Boolean,
  /** Absent if deploy.yml cannot be read. */
  project: Schema.optionalKey(Schema.String),
  environment: Schema.optionalKey(Schema.String),
  /** This machine first, then a builder that is none of the servers, then the servers in the order of deploy.yml. */
  machines: Schema.Array(MachineReport)
})
export type Report = typeof Report.Type

/** `jiji doctor` found a problem that would make a deploy fail. */
export class ChecksFailed extends defineError<ChecksFailed>()("ChecksFailed", {
  fields: { failed: Schema.Int, all: Schema.Int },
  message: (e) => `${e.failed} of ${e.all} checks failed.`,
  remedy: "Follow the advice below each failed check, then run: jiji doctor",
  exitCode: "failed",
  sample: { failed: 2, all: 14 }
}) {}

const order = [
  "config",
  "secrets",
  "ssh",
  "engine",
  "processor",
  "build",
  "disk",
  "clock",
  "tunnel",
  "registry",
  "proxy",
  "ports",
  "certificates"
] as const

const place = (name: string): number => order.findIndex((each) => each === name)

const decode = Schema.decodeUnknownOption(CheckResult)

/** The checks among the results of a run's events. */
export const checksOf = (events: ReadonlyArray<Event>): ReadonlyArray<Check> =>
  events.flatMap((event) =>
    event._tag === "StepSucceeded" || event._tag === "StepSkipped"
      ? Option.match(decode(event.result), { onNone: () => [], onSome: ({ checks }) => checks })
      : []
  )

/** Makes a report of checks. Without a project it covers this machine only. */
export const make = (checks: ReadonlyArray<Check>, project?: Project): Report => {
  const of = (machine: string) =>
    checks
      .filter((check) => check.machine === machine)
      .map((check) => Struct.omit(check, ["machine"]))
      .toSorted((a, b) => place(a.name) - place(b.name))
  const { builder, servers = [] } = project ?? {}
  const builders = builder === undefined || servers.some(({ name }) => name === builder.name) ? [] : [builder]
  const remote = [...builders, ...servers].map((server) => ({ name: server.name, address: address(server) }))
  return {
    version: 1,
    ok: checks.every(({ status }) => status !== "failed"),
    ...(project !== undefined && { project: project.name }),
    ...(project?.environment !== undefined && { environment: project.environment }),
    machines: [{ name: thisMachine }, ...remote]
      .map((machine) => ({ ...machine, checks: of(machine.name) }))
      .filter((machine) => machine.checks.length > 0)
  }
}

/** The error for a report with failed checks. */
export const failure = ({ machines }: Report): ChecksFailed => {
  const all = machines.flatMap(({ checks }) => checks)
  const failed = all.filter(({ status }) => status === "failed")
  return new ChecksFailed({ failed: failed.length, all: all.length })
}
