import type { Redacted } from "effect"
import { print } from "../config/ImageReference.ts"
import type { Engine, Project, Service } from "../config/Project.ts"
import type { FileToMount } from "../layers/docker/files.ts"
import { settingsWords } from "../layers/docker/settingsWords.ts"
import type { ContainerSpec, NetworkPlace } from "../layers/docker/words.ts"
import type { PulledImage } from "./Pull.ts"

/** What a container of a service is created from. Its release runs in the same, with another command. */
export const containerSpec = (
  project: Project,
  service: Service,
  of: {
    readonly engine: Engine
    readonly network: NetworkPlace
    readonly pulled: PulledImage
    readonly version: string
    /** Instead of the service's own. */ readonly command?: ReadonlyArray<string>
  }
): ContainerSpec => ({
  image: print(of.pulled.reference),
  network: of.network,
  labels: {
    ...service.settings?.labels,
    "jiji.project": project.name,
    "jiji.service": service.name,
    "jiji.version": of.version,
    "jiji.digest": of.pulled.digest,
    ...(service.proxy !== undefined && { "jiji.proxied": "yes" }),
    ...(service.settings?.restart !== undefined && { "jiji.restart": service.settings.restart })
  },
  ports: service.ports,
  volumes: service.volumes,
  environment: service.environment.clear,
  command: [...(service.settings?.entrypoint?.slice(1) ?? []), ...(of.command ?? service.command ?? [])],
  options: settingsWords(of.engine, service.settings)
})

/** The files that a container of a service mounts. */
export const filesOf = (
  service: Service,
  secrets: ReadonlyMap<string, Redacted.Redacted<string>>
): ReadonlyArray<FileToMount> =>
  (service.files ?? []).flatMap(({ mode, source, target }) => {
    const content = source._tag === "Secret" ? secrets.get(source.name) : source.content
    return content === undefined ? [] : [{ mode, target, content }]
  })
