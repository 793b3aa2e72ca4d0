import { Effect, type Redacted } from "effect"
import type { Project, Server, Service } from "../config/Project.ts"
import type { Session } from "../layers/shell/session/runGuarded.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import * as Step from "../pipeline/Step.ts"
import * as Audit from "./Audit.ts"
import * as Connect from "./Connect.ts"
import * as Exec from "./exec/Exec.ts"
import type { OutputClosed } from "./LogsPipeline.ts"
import * as ResolveSecrets from "./ResolveSecrets.ts"

export type { Exited } from "./exec/Exec.ts"

/** What `jiji exec` begins with. */
export interface ExecInput {
  /** With the servers to use. */
  readonly project: Project
  readonly service: Service
  /** Which container of the service. Absent for the first one that runs. */
  readonly replica?: number
  /** Whether to run the command in a new container of the same image, and to remove that afterwards. */
  readonly fresh: boolean
  readonly command: readonly [string, ...ReadonlyArray<string>]
  /** What the command on a server is connected to. */
  readonly session: (server: Server) => Session<OutputClosed>
}

/** The project with nothing that has secrets, except the service's container. */
const containerOnly = ({ project, service }: ExecInput): Project => {
  const { proxy: _proxy, release: _release, ...container } = service
  const source = service.source._tag === "Build" ? { ...service.source, secrets: [] } : service.source
  return { ...project, registry: { type: "local", port: 1 }, services: [{ ...container, source }] }
}

/** Finds the secrets of a fresh container. */
const secrets = Step.make(
  "secrets",
  Effect.fnUntraced(function* (state: ExecInput) {
    const none: ReadonlyMap<string, Redacted.Redacted<string>> = new Map()
    if (!state.fresh) return Step.skip("the container has its own", { secrets: none })
    return yield* ResolveSecrets.step.run({ project: containerOnly(state) })
  })
)

/** Writes that somebody runs a command in the service, but not which. */
const audit = Step.make("audit", ({ project, service }: ExecInput) =>
  Audit.step.run({ project, services: [service.name] })
)

const begun = Pipeline.make<ExecInput>("exec").pipe(Pipeline.parallel(secrets, audit))
type Begun = Pipeline.StateOf<typeof begun>

const connect = Step.make("connect", ({ project, server }: Begun & { readonly server: Server }) =>
  Connect.find(project, server)
)

/** What `jiji exec` runs: a command in a container of a service on each of its servers, at the same time. */
export const exec = begun.pipe(
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items: ({ project }: Begun) => project.servers,
    key: (server) => server.name,
    body: Pipeline.make<Begun & { readonly server: Server }>("server").pipe(
      Pipeline.step(connect),
      Pipeline.step(Exec.step)
    ),
    collect: { as: "all", value: ({ exited }) => exited }
  })
)
