import { Effect, Schema } from "effect"
import type { Project, Server } from "../config/Project.ts"
import { Docker } from "../layers/docker/Docker.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import * as Step from "../pipeline/Step.ts"
import * as Connect from "./Connect.ts"
import { versionsOn } from "./versions.ts"

/** A version of a service that a server can go back to. */
const VersionStatus = Schema.Struct({
  service: Schema.String,
  version: Schema.String,
  /** The id of its image and configuration. `jiji rollback` accepts it, too. */
  record: Schema.String,
  /** The digest of its image. */
  digest: Schema.String,
  /** The run that was the first to deploy it, who, and when in ISO 8601. */
  run: Schema.String,
  by: Schema.String,
  at: Schema.String,
  commit: Schema.optionalKey(Schema.String),
  /** Whether it runs now. */
  current: Schema.Boolean
})
type VersionStatus = typeof VersionStatus.Type

/** A server with its versions, the newest first. */
export const ServerVersions = Schema.Struct({
  name: Schema.String,
  versions: Schema.Array(VersionStatus),
  /** Why the server cannot be asked. */
  error: Schema.optionalKey(Schema.Struct({ message: Schema.String, remedy: Schema.String }))
})
export type ServerVersions = typeof ServerVersions.Type

/** What `jiji versions --json` prints. */
export const VersionsReport = Schema.Struct({
  version: Schema.Literal(1),
  project: Schema.String,
  environment: Schema.optionalKey(Schema.String),
  servers: Schema.Array(ServerVersions)
})
export type VersionsReport = typeof VersionsReport.Type

/** What `jiji versions` begins with. */
export interface VersionsInput {
  /** The services and servers to show. */
  readonly project: Project
}

const list = Step.make(
  "versions",
  Effect.fnUntraced(function* ({ project, server }: VersionsInput & { readonly server: Server }) {
    const services = project.services.filter(({ hosts }) => hosts.includes(server.name)).map(({ name }) => name)
    const listing = Effect.gen(function* () {
      const { connected } = yield* Connect.find(project, server)
      const place = { engine: connected.engine.name, project: project.name }
      const all = versionsOn(project, connected, yield* (yield* Docker).keptVersions(server, place))
      const versions = all
        .filter(({ service }) => services.includes(service))
        .toSorted((a, b) => services.indexOf(a.service) - services.indexOf(b.service))
        .map(({ isCurrent, known, service }): VersionStatus => {
          const { deployed, digest, version } = known.definition
          return { service, version, record: known.id, digest, ...deployed, current: isCurrent }
        })
      const status: ServerVersions = { name: server.name, versions }
      return status
    })
    const status = yield* Effect.catch(listing, ({ message, remedy }) =>
      Effect.succeed<ServerVersions>({ name: server.name, versions: [], error: { message, remedy } })
    )
    return { status }
  }),
  { result: Schema.Struct({ status: ServerVersions }) }
)

/** What `jiji versions` runs: it asks all servers at the same time. */
export const versions = Pipeline.make<VersionsInput>("versions").pipe(
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items: ({ project }: VersionsInput) => project.servers,
    key: (server) => server.name,
    body: Pipeline.make<VersionsInput & { readonly server: Server }>("server").pipe(Pipeline.step(list)),
    collect: { as: "statuses", value: ({ status }) => status }
  })
)
