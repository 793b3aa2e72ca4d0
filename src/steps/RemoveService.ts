import { Effect, Result, Schema } from "effect"
import * as ImageReference from "../config/ImageReference.ts"
import type { Project } from "../config/Project.ts"
import { parseVolume } from "../config/volumes.ts"
import { joinWords } from "../core/text.ts"
import { Events } from "../core/Events.ts"
import { Docker } from "../layers/docker/Docker.ts"
import { networkName } from "../layers/docker/network/network.ts"
import type { Expected } from "../layers/docker/remove/remove.ts"
import * as Step from "../pipeline/Step.ts"
import type { ConnectedServer } from "./Connect.ts"
import { containerName, replicaNumbers } from "./Plan.ts"

/** What was removed of one service on one server. */
export const Removed = Schema.Struct({
  service: Schema.String,
  server: Schema.String,
  containers: Schema.Array(Schema.String),
  volumes: Schema.Array(Schema.String)
})
export type Removed = typeof Removed.Type

/** The names of the project's own volumes that a service has in deploy.yml. */
const volumesOf = (project: Project, name: string): ReadonlyArray<string> => {
  const volumes = project.services.find((service) => service.name === name)?.volumes ?? []
  return volumes.flatMap((volume) => {
    const mount = parseVolume(volume)
    return typeof mount !== "string" && mount._tag === "Named" ? [mount.source] : []
  })
}

/** The containers of a service as deploy.yml has them, and the project's network if they are the last ones on the server. */
const expectedOf = (state: {
  readonly project: Project
  readonly server: ConnectedServer
  readonly service: string
  readonly services?: ReadonlyArray<string> | undefined
}): { readonly expected?: Expected } => {
  const { project, server, services } = state
  const service = project.services.find(({ name }) => name === state.service)
  if (service === undefined) return {}
  const here = project.services.filter(({ hosts }) => hosts.includes(server.name)).map(({ name }) => name)
  const removesAll = "services" in state && here.every((name) => services?.includes(name) !== false)
  const isLast = removesAll && here.at(-1) === service.name
  const containers = replicaNumbers(service).map((replica) => containerName(project, service, replica))
  return { expected: { containers, ...(isLast && { network: networkName(project.name) }) } }
}

/** Whether an image is one that jiji built for a service, by its name. Others may be used by more than this project. */
const isBuiltFor = (project: Project, service: string) => {
  const own = [`${project.name}-${service}`, `${project.name}/${service}`].map((name) => name.toLowerCase())
  return ({ path }: ImageReference.ImageReference) => own.some((name) => path === name || path.endsWith(`/${name}`))
}

/** Stops and removes a service's containers on a server, and its images; its volumes only if the input says so. */
export const step = Step.make(
  "remove",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly server: ConnectedServer
    readonly service: string
    readonly withVolumes: boolean
    /** The names of the services to remove; undefined for all of the project. */
    readonly services?: ReadonlyArray<string> | undefined
  }) {
    const { project, server, service, withVolumes } = state
    const { publish } = yield* Events
    const docker = yield* Docker
    const engine = server.engine.name
    const done = yield* docker.removeService(server, {
      engine,
      project: project.name,
      service,
      volumes: volumesOf(project, service),
      withVolumes,
      ...expectedOf(state)
    })
    const images = done.images
      .flatMap((image) =>
        Result.getOrElse(
          Result.map(ImageReference.parse(image), (reference) => [reference]),
          () => []
        )
      )
      .filter(isBuiltFor(project, service))
    for (const repository of new Set(images.map(ImageReference.repositoryOf))) {
      yield* docker.removeOldImages(server, { engine, repository, retain: 0 })
    }
    if (done.keptVolumes.length > 0) {
      const text = withVolumes
        ? `${joinWords(done.keptVolumes)}: kept, because another container uses it`
        : `kept the data in ${joinWords(done.keptVolumes)}`
      yield* publish({ _tag: "StepNoted", level: withVolumes ? "warning" : "info", text })
    }
    const removed: Removed = { service, server: server.name, containers: done.containers, volumes: done.volumes }
    if (done.containers.length + done.volumes.length === 0) return Step.skip("nothing to remove", { removed })
    const text = `removed ${joinWords([...done.containers, ...done.volumes, ...done.networks])}`
    yield* publish({ _tag: "StepNoted", level: "info", text })
    return { removed }
  }),
  { result: Schema.Struct({ removed: Removed }), reuse: false }
)
