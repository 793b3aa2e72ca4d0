import { Effect, Result, Schema } from "effect"
import * as ImageReference from "../config/ImageReference.ts"
import type { Project } from "../config/Project.ts"
import { parseVolume } from "../config/volumes.ts"
import { joinWords } from "../core/text.ts"
import { Events } from "../core/Events.ts"
import { Docker } from "../layers/docker/Docker.ts"
import * as Step from "../pipeline/Step.ts"
import type { ConnectedServer } from "./Connect.ts"

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
      withVolumes
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
  { result: Schema.Struct({ removed: Removed }) }
)
