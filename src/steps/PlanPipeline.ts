import { Effect, Schema } from "effect"
import type { Server } from "../config/Project.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import * as Step from "../pipeline/Step.ts"
import * as Connect from "./Connect.ts"
import type { DeployInput } from "./DeployPipeline.ts"
import { changes, forecast, ServerPlan } from "./plan/forecast.ts"
import * as ResolveSecrets from "./ResolveSecrets.ts"
import * as Username from "./Username.ts"
import * as Version from "./Version.ts"

export type { PlannedAction, ServerPlan } from "./plan/forecast.ts"

/** What `jiji plan --json` prints. */
export const PlanReport = Schema.Struct({
  version: Schema.Literal(1),
  project: Schema.String,
  environment: Schema.optionalKey(Schema.String),
  /** The tag that images would be built under; empty if nothing is built. */
  tag: Schema.String,
  /** Whether a deploy would change anything. */
  changes: Schema.Boolean,
  servers: Schema.Array(ServerPlan)
})
export type PlanReport = typeof PlanReport.Type

const known = Pipeline.make<DeployInput>("plan").pipe(
  Pipeline.step(ResolveSecrets.step),
  Pipeline.step(Version.step),
  Pipeline.step(Username.step)
)
type Known = Pipeline.StateOf<typeof known>

/** Decides what a deploy would do on every server. */
const foresee = Step.make(
  "foresee",
  Effect.fnUntraced(function* (state: Known & { readonly connected: ReadonlyArray<Connect.ConnectedServer> }) {
    const { connected, project, version } = state
    const servers = yield* Effect.forEach(connected, (server) => forecast(state, server))
    const report: PlanReport = {
      version: 1,
      project: project.name,
      ...(project.environment !== undefined && { environment: project.environment }),
      tag: version,
      changes: servers.some(changes),
      servers
    }
    return { report }
  }),
  { result: Schema.Struct({ report: PlanReport }) }
)

/** What `jiji plan` runs: it looks at all servers, and builds and changes nothing. */
export const plan = known.pipe(
  Pipeline.forEach({
    name: "connections",
    as: "server",
    items: ({ project }: Known) => project.servers,
    key: (server) => server.name,
    body: Pipeline.make<Known & { readonly server: Server }>("connection").pipe(Pipeline.step(Connect.step)),
    collect: { as: "connected", value: ({ connected }) => connected }
  }),
  Pipeline.step(foresee)
)
