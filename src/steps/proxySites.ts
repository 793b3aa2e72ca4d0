import { Effect, type Redacted } from "effect"
import type { Project } from "../config/Project.ts"
import { findClash } from "../layers/proxy/claims.ts"
import type { ProxyState } from "../layers/proxy/ServerProxy.ts"
import { certificateName, type ProjectSites, sitesOf } from "../layers/proxy/sites.ts"
import { certificateOf } from "./certificates.ts"

interface State {
  readonly project: Project
  readonly secrets?: ReadonlyMap<string, Redacted.Redacted<string>>
  readonly isFullDeploy?: boolean
}

/** What the project wants of a server's proxy after this deploy; undefined if it wants nothing. */
export const proxySites = (
  { isFullDeploy = false, project, secrets = new Map() }: State,
  server: string,
  { sites }: ProxyState
): ProjectSites | undefined => {
  const certificates = project.services.flatMap((service) => {
    const pair = certificateOf(service, secrets)
    return pair === undefined ? [] : [[service.name, certificateName(pair)] as const]
  })
  const before = sites.find((each) => each.project === project.name)
  return sitesOf(project, server, before, { isFullDeploy, certificates: new Map(certificates) })
}

/** Fails if another project on the server has something that this one wants. */
export const checkClaims = (server: string, ours: ProjectSites | undefined, all: ReadonlyArray<ProjectSites>) => {
  const clash = ours === undefined ? undefined : findClash(server, ours, all)
  return clash === undefined ? Effect.void : Effect.fail(clash)
}
