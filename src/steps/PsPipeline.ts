import { Schema } from "effect"
import type { Server } from "../config/Project.ts"
import { defineError } from "../core/defineError.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import * as Look from "./ps/Look.ts"
import { ServerStatus } from "./ps/status.ts"

export type { PsInput } from "./ps/Look.ts"
export type { ContainerStatus, ServerStatus, ServiceStatus } from "./ps/status.ts"

/** What `jiji ps --json` prints. */
export const PsReport = Schema.Struct({
  version: Schema.Literal(1),
  project: Schema.String,
  environment: Schema.optionalKey(Schema.String),
  /** In the order of deploy.yml. */
  servers: Schema.Array(ServerStatus)
})
export type PsReport = typeof PsReport.Type

/** `jiji ps` could not ask all servers. */
export class ServersNotAsked extends defineError<ServersNotAsked>()("ServersNotAsked", {
  fields: {
    failures: Schema.Array(Schema.Struct({ server: Schema.String, message: Schema.String, remedy: Schema.String }))
  },
  message: (e) => e.failures.map(({ message }) => message).join("\n"),
  remedy: (e) => [...new Set(e.failures.map(({ remedy }) => remedy))].join("\n"),
  exitCode: "unavailable",
  sample: {
    failures: [
      {
        server: "web1",
        message: "web1 (203.0.113.10) cannot be reached: the connection timed out.",
        remedy: "Check that the server is up."
      }
    ]
  }
}) {}

/** What `jiji ps` runs: it asks all servers at the same time. */
export const ps = Pipeline.make<Look.PsInput>("ps").pipe(
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items: ({ project }: Look.PsInput) => project.servers,
    key: (server) => server.name,
    body: Pipeline.make<Look.PsInput & { readonly server: Server }>("server").pipe(Pipeline.step(Look.step)),
    collect: { as: "statuses", value: ({ status }) => status }
  })
)
