import { print } from "../config/ImageReference.ts"
import type { Project, Service } from "../config/Project.ts"
import type { ContainerSpec, NetworkPlace } from "../layers/docker/words.ts"
import type { PulledImage } from "./Pull.ts"

/** What a container of a service is created from. Its release runs in the same, with another command. */
export const containerSpec = (
  project: Project,
  service: Service,
  of: { readonly network: NetworkPlace; readonly pulled: PulledImage; readonly version: string }
): ContainerSpec => ({
  image: print(of.pulled.reference),
  network: of.network,
  labels: {
    "jiji.project": project.name,
    "jiji.service": service.name,
    "jiji.version": of.version,
    "jiji.digest": of.pulled.digest
  },
  ports: service.ports,
  volumes: service.volumes,
  environment: service.environment.clear,
  command: service.command ?? []
})
