import { Data, Effect, Schema } from "effect"
import type { Project, Server } from "../config/Project.ts"
import { defineError } from "../core/defineError.ts"
import { IsDryRun } from "../core/IsDryRun.ts"
import { joinWords } from "../core/text.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import * as Step from "../pipeline/Step.ts"
import * as Collector from "./logs/Collector.ts"
import * as ReadLogs from "./logs/ReadLogs.ts"

export type { LogLine } from "./logs/Collector.ts"
export type { LogsQuery } from "./logs/ReadLogs.ts"

/** Nobody reads the output any more, so no more lines are wanted. */
export class OutputClosed extends Data.TaggedClass("OutputClosed") {}

/** No server has a container whose logs could be printed. */
export class NothingDeployed extends defineError<NothingDeployed>()("NothingDeployed", {
  fields: { services: Schema.Array(Schema.String), servers: Schema.Array(Schema.String) },
  message: (e) => `There is no container of ${joinWords(e.services, "or")} on ${joinWords(e.servers, "or")}.`,
  remedy: "Deploy first: jiji deploy",
  exitCode: "failed",
  sample: { services: ["web"], servers: ["web1", "web2"] }
}) {}

/** What `jiji logs` begins with. */
export interface LogsInput {
  readonly project: Project
  readonly query: ReadLogs.LogsQuery
  /** Writes lines. The servers are read no faster than this allows. */
  readonly write: (lines: ReadonlyArray<Collector.LogLine>) => Effect.Effect<void, OutputClosed>
}

const collect = Step.make(
  "collect",
  Effect.fnUntraced(function* ({ project }: LogsInput) {
    return { collector: yield* Collector.make(project.servers.map(({ name }) => name)) }
  })
)

const begun = Pipeline.make<LogsInput>("logs").pipe(Pipeline.step(collect))
type Begun = Pipeline.StateOf<typeof begun>

const write = Step.make("write", ({ collector, write }: Begun) => collector.writeAll(write))

/** Reads all servers at the same time. One that is lost does not end the others. */
const servers = Pipeline.make<Begun, "read">("read").pipe(
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items: ({ project }: Begun) => project.servers,
    key: (server) => server.name,
    body: Pipeline.make<Begun & { readonly server: Server }>("server").pipe(
      Pipeline.step(ReadLogs.connect),
      Pipeline.step(ReadLogs.step)
    ),
    collect: { as: "found", value: ({ found }) => found }
  })
)

const check = Step.make(
  "check",
  Effect.fnUntraced(function* ({
    found,
    project
  }: {
    readonly project: Project
    readonly found: ReadonlyArray<number>
  }) {
    if (found.some((count) => count > 0) || (yield* IsDryRun)) return
    const names = (all: ReadonlyArray<{ readonly name: string }>) => all.map(({ name }) => name)
    return yield* new NothingDeployed({ services: names(project.services), servers: names(project.servers) })
  })
)

/** What `jiji logs` runs: it reads the logs of all servers, and writes their lines merged by time. */
export const logs = begun.pipe(Pipeline.parallel(servers, write), Pipeline.step(check))
