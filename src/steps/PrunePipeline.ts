import { type Duration, Effect, Schema } from "effect"
import * as ImageReference from "../config/ImageReference.ts"
import type { Project, Server } from "../config/Project.ts"
import { Events } from "../core/Events.ts"
import { plural } from "../core/text.ts"
import { formatBytes } from "../core/units.ts"
import { Docker } from "../layers/docker/Docker.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import * as Step from "../pipeline/Step.ts"
import { isBuilt } from "./Build.ts"
import * as Connect from "./Connect.ts"
import * as Lock from "./Lock.ts"
import { runningVersion, surplusVersions } from "./keepVersion.ts"
import { containerName, replicaNumbers } from "./Plan.ts"
import * as Username from "./Username.ts"

/** What `jiji prune` begins with. */
export interface PruneInput {
  readonly project: Project
  /** Whether to remove what is found. */
  readonly remove: boolean
  /** How long to wait for the project's lock if somebody holds it. By default, it fails at once. */
  readonly waitForLock?: Duration.Duration
}

/** What nothing refers to on a server. */
export const Pruned = Schema.Struct({
  server: Schema.String,
  /** With their sizes in bytes. Images share layers, so together they may free less. */
  images: Schema.Array(Schema.Struct({ name: Schema.String, bytes: Schema.Finite })),
  /** Containers that interrupted deploys have left. */
  containers: Schema.Array(Schema.String),
  files: Schema.Array(Schema.String),
  /** How many bytes became free, if it was removed. */
  freed: Schema.optionalKey(Schema.Finite)
})
export type Pruned = typeof Pruned.Type

type OnServer = PruneInput & { readonly username?: string; readonly server: Server }

const step = Step.make(
  "prune",
  Effect.fnUntraced(function* (state: OnServer) {
    const { project, remove, username } = state
    const { connected } = yield* Connect.find(project, state.server)
    const here = project.services.filter(({ hosts }) => hosts.includes(connected.name))
    const repositories = yield* Effect.forEach(here.filter(isBuilt), ({ name, retain }) =>
      Effect.map(
        Effect.fromResult(ImageReference.ofService(project.registry, project.name, name, username)),
        (reference) => ({ repository: ImageReference.repositoryOf(reference), retain })
      )
    )
    const containers = here.flatMap((service) =>
      replicaNumbers(service).map((number) => ({
        name: containerName(project, service, number),
        service: service.name
      }))
    )
    const docker = yield* Docker
    const kept = yield* docker.keptVersions(connected, { engine: connected.engine.name, project: project.name })
    const surplus = here.flatMap((service) => {
      const current = runningVersion(project, connected, service)
      return current === undefined ? [] : surplusVersions(kept, service.name, current.known, service.retain)
    })
    const found = yield* docker.prune(connected, {
      engine: connected.engine.name,
      project: project.name,
      remove,
      repositories,
      surplus: surplus.map(({ name }) => name),
      containers
    })
    const pruned: Pruned = { server: connected.name, ...found }
    const count = found.images.length + found.containers.length + found.files.length
    if (count === 0) return Step.skip("nothing to remove", { pruned })
    if (remove) {
      const what = [
        ...(found.images.length > 0 ? [plural(found.images.length, "image")] : []),
        ...(found.containers.length > 0 ? [plural(found.containers.length, "container")] : []),
        ...(found.files.length > 0 ? [plural(found.files.length, "file")] : [])
      ]
      const text = `removed ${what.join(", ")}; ${formatBytes(found.freed ?? 0)} became free`
      yield* (yield* Events).publish({ _tag: "StepNoted", level: "info", text })
    }
    return { pruned }
  }),
  { result: Schema.Struct({ pruned: Pruned }) }
)

type Named = PruneInput & { readonly username?: string }

/** What `jiji prune` runs: on all servers at the same time. */
export const prune = Pipeline.make<PruneInput>("prune").pipe(
  Pipeline.step(Username.step),
  Pipeline.when({
    if: ({ remove }: PruneInput) => remove,
    quiet: true,
    reason: "nothing is removed",
    body: Lock.step
  }),
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items: ({ project }: Named) => project.servers,
    key: (server) => server.name,
    body: Pipeline.make<OnServer>("server").pipe(Pipeline.step(step)),
    collect: { as: "pruned", value: ({ pruned }) => pruned }
  })
)
