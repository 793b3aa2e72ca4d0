import { HostClaimed, HostTlsDiffers, ProxyDiffers } from "./ProxyError.ts"
import type { ProjectSites, Site } from "./sites.ts"

const tlsText = ({ tls }: Site): string => (typeof tls === "object" ? "a certificate" : tls)

const portsText = ({ http, https }: ProjectSites): string => `${http} and ${https}`

/** How a project's sites clash with those of another project on the server; undefined if they do not. */
const clash = (server: string, ours: ProjectSites, other: ProjectSites) => {
  const { project } = other
  if (portsText(ours) !== portsText(other)) {
    return new ProxyDiffers({ server, what: "ports", ours: portsText(ours), project, theirs: portsText(other) })
  }
  if (ours.image !== undefined && other.image !== undefined && ours.image !== other.image) {
    return new ProxyDiffers({ server, what: "image", ours: ours.image, project, theirs: other.image })
  }
  for (const site of ours.sites) {
    for (const their of other.sites) {
      const host = site.hosts.find((each) => their.hosts.includes(each))
      if (host === undefined) continue
      if (site.path === their.path) {
        return new HostClaimed({ server, host, path: site.path, project, service: their.service })
      }
      if (tlsText(site) !== tlsText(their)) {
        return new HostTlsDiffers({ server, host, tls: tlsText(site), project, theirs: tlsText(their) })
      }
    }
  }
  return undefined
}

/** How a project's sites clash with those of other projects on the server; undefined if they do not. */
export const findClash = (server: string, ours: ProjectSites, all: ReadonlyArray<ProjectSites>) => {
  for (const other of all) {
    const found = other.project === ours.project ? undefined : clash(server, ours, other)
    if (found !== undefined) return found
  }
  return undefined
}

const version = (image: string): ReadonlyArray<number> | undefined => {
  const [, digits] = /^caddy:(\d+\.\d+\.\d+)$/u.exec(image) ?? []
  return digits?.split(".").map(Number)
}

/** Whether both are versions of the default image, and the first is the newer one. */
const isNewer = (image: string, than: string): boolean => {
  const [a, b] = [version(image), version(than)]
  if (a === undefined || b === undefined) return false
  const index = a.findIndex((part, at) => part !== b[at])
  return index >= 0 && (a[index] ?? 0) > (b[index] ?? 0)
}

/**
 * The image for a server's proxy: what a project names, this one first; else the default. A newer version of the default,
 * which another project's jiji has brought, stays.
 */
export const imageFor = (
  ours: string | undefined,
  all: ReadonlyArray<ProjectSites>,
  running: string | undefined,
  fallback: string
): string => {
  const named = ours ?? all.find(({ image }) => image !== undefined)?.image
  if (named !== undefined) return named
  return running !== undefined && isNewer(running, fallback) ? running : fallback
}
