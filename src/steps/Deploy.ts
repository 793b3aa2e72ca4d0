import { Effect, type Redacted, Schema } from "effect"
import type { Project, Service } from "../config/Project.ts"
import { Docker, type ReplaceOptions } from "../layers/docker/Docker.ts"
import * as Step from "../pipeline/Step.ts"
import type { ConnectedServer } from "./Connect.ts"
import { configHash, containerName, current, type Work } from "./Plan.ts"
import type { PulledImage } from "./Pull.ts"

/** What a deploy did about one service on one server. */
export const Deployed = Schema.Struct({
  service: Schema.String,
  server: Schema.String,
  version: Schema.String,
  digest: Schema.String,
  outcome: Schema.Literals(["started", "replaced", "unchanged"]),
  container: Schema.String
})
export type Deployed = typeof Deployed.Type

/** How the successor can be tried without disturbing what runs: it may share neither its ports nor the data it writes. */
const how = (service: Service): ReplaceOptions["how"] => {
  if (service.volumes.some((volume) => !/:([^:]*,)?ro(,[^:]*)?$/.test(volume))) return "stop"
  return service.ports.some((port) => port.includes(":")) ? "trial" : "beside"
}

/** What a person reads for the version of an image that jiji did not build. */
const tagOf = (reference: string): string => {
  const [named = ""] = reference.split("@")
  const colon = named.lastIndexOf(":")
  return colon > named.lastIndexOf("/") ? named.slice(colon + 1) : "latest"
}

/** Starts a service's new container on a server, and removes the old one once the new one is healthy. */
export const step = Step.make(
  "deploy",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly server: ConnectedServer
    readonly work: Work
    readonly secrets: ReadonlyMap<string, Redacted.Redacted<string>>
    readonly pulled?: PulledImage
  }) {
    const { project, pulled, server, work } = state
    const { engine } = server
    const { service } = work
    const before = current(engine, project, service)
    const about = { service: service.name, server: server.name }
    if (pulled === undefined) {
      const { digest = "", id = "", version = "" } = before ?? {}
      const deployed: Deployed = { ...about, version, digest, outcome: "unchanged", container: id }
      return Step.skip("it runs there already", { deployed })
    }
    const version = work.image?.version ?? tagOf(pulled.reference)
    const config = configHash(service, state.secrets)
    const names = service.environment.secrets
    const { id, outcome } = yield* (yield* Docker).replace(server, {
      engine: engine.name,
      project: project.name,
      service: service.name,
      name: containerName(project, service),
      digest: pulled.digest,
      config,
      how: how(service),
      runningFor: service.health.runningFor,
      timeout: service.health.timeout,
      imageId: pulled.id,
      repository: work.image?.repository ?? "",
      retain: service.retain,
      container: {
        image: pulled.reference,
        labels: {
          "jiji.project": project.name,
          "jiji.service": service.name,
          "jiji.version": version,
          "jiji.digest": pulled.digest,
          "jiji.config": config
        },
        ports: service.ports,
        volumes: service.volumes,
        environment: service.environment.clear,
        command: service.command ?? []
      },
      secrets: new Map([...state.secrets].filter(([name]) => names.includes(name)))
    })
    const there = engine.containers.some((container) => container.service === service.name)
    const done = outcome === "unchanged" ? "unchanged" : there ? "replaced" : "started"
    const deployed: Deployed = { ...about, version, digest: pulled.digest, outcome: done, container: id }
    return done === "unchanged" ? Step.skip("it runs there already", { deployed }) : { deployed }
  }),
  { result: Schema.Struct({ deployed: Deployed }) }
)
