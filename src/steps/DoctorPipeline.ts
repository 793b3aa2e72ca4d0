import type { Project, Server } from "../config/Project.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import * as Build from "./doctor/BuildCheck.ts"
import * as Connect from "./doctor/ConnectionCheck.ts"
import * as Engine from "./doctor/EngineCheck.ts"
import * as Look from "./doctor/ServerCheck.ts"
import * as Proxy from "./doctor/ProxyCheck.ts"
import * as Registry from "./doctor/RegistryCheck.ts"
import * as Secrets from "./doctor/SecretsCheck.ts"
import * as Serve from "./doctor/LocalRegistryCheck.ts"
import * as Tunnel from "./doctor/TunnelCheck.ts"

type StateOf<P> = P extends Pipeline.Pipeline<infer _N, infer S, infer _E, infer _R> ? S : never

const begun = Pipeline.make<{ readonly project: Project }>("doctor").pipe(Pipeline.parallel(Engine.step, Serve.step))
type Begun = StateOf<typeof begun>

/**
 * What `jiji doctor` runs, on this machine and on all servers at the same time. Its steps never fail: their results are
 * checks, and a step that finds a problem leaves its value out of the state.
 */
export const doctor = begun.pipe(
  Pipeline.parallel(
    Secrets.step,
    Build.step,
    Registry.step,
    Pipeline.make<Begun>("all").pipe(
      Pipeline.forEach({
        name: "servers",
        as: "server",
        items: ({ project }: Begun) => project.servers,
        key: (server) => server.name,
        body: Pipeline.make<Begun & { readonly server: Server }>("server").pipe(
          Pipeline.step(Connect.step),
          Pipeline.step(Look.step),
          Pipeline.step(Tunnel.step),
          Pipeline.step(Registry.fromServer),
          Pipeline.step(Proxy.step)
        )
      })
    )
  )
)
