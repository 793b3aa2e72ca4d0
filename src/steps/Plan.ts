import { createHash } from "node:crypto"
import { Redacted } from "effect"
import type { Project, Server, Service } from "../config/Project.ts"
import type { ServerEngine } from "../layers/docker/Docker.ts"
import type { InspectedContainer } from "../layers/docker/inspect.ts"
import type { ConnectedServer } from "./Connect.ts"
import type { PushedImage } from "./Push.ts"

/** One service on one server: what is to be done there. */
export interface Work {
  readonly service: Service
  /** Absent where the service runs an image that jiji did not build. */
  readonly image?: PushedImage
}

/** The name of a service's container. */
export const containerName = (project: Project, service: Service): string => `${project.name}-${service.name}`

/** The services that run on a server, with the images that were made for them. */
export const work = (state: {
  readonly project: Project
  readonly server: Server
  readonly images: ReadonlyArray<PushedImage>
}): ReadonlyArray<Work> =>
  state.project.services
    .filter((service) => service.hosts.includes(state.server.name))
    .map((service) => {
      const image = state.images.find((each) => each.service === service.name)
      return image === undefined ? { service } : { service, image }
    })

/** A hash of all that a container is made from but its image: where it differs, the container is replaced. */
export const configHash = (service: Service, secrets: ReadonlyMap<string, Redacted.Redacted<string>>): string => {
  const values = service.environment.secrets.map((name) => {
    const value = secrets.get(name)
    return [name, value === undefined ? null : Redacted.value(value)]
  })
  const { command = null, environment, ports, volumes } = service
  const parts = [ports, volumes, Object.entries(environment.clear).sort(), values.sort(), command]
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32)
}

/** The container of a service that runs and is healthy, and is the only one. */
export const current = (engine: ServerEngine, project: Project, service: Service): InspectedContainer | undefined => {
  const [first, ...others] = engine.containers.filter((container) => container.service === service.name)
  const whole = others.length === 0 && first?.healthy === true && first.name === containerName(project, service)
  return whole ? first : undefined
}

/** Whether a built service runs already as it should. */
export const runsAlready = (
  state: {
    readonly project: Project
    readonly server: ConnectedServer
    readonly secrets: ReadonlyMap<string, Redacted.Redacted<string>>
  },
  { image, service }: Work
): boolean => {
  const container = current(state.server.engine, state.project, service)
  return (
    container !== undefined &&
    image !== undefined &&
    container.digest === image.digest &&
    container.config === configHash(service, state.secrets)
  )
}
