import { createHash } from "node:crypto"
import { Duration, Schema } from "effect"
import { namePattern } from "../../config/fields.ts"
import * as ImageReference from "../../config/ImageReference.ts"
import type { Project, Service, ServiceProxy } from "../../config/Project.ts"

/** The proxy's container. */
export const proxyName = "jiji-proxy"

/** The folder of the proxy's volume, in its container. */
export const folder = "/jiji"

// Whoever may use the engine of a server can write there, so nothing in it is believed as it is.
const Name = Schema.String.check(Schema.isPattern(namePattern))
const Host = Schema.String.check(Schema.isPattern(/^(\*\.)?[a-z0-9.-]{1,253}$/u))
const Path = Schema.String.check(Schema.isPattern(/^\/[A-Za-z0-9/._~-]*$/u))
const Port = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65535 }))
const Hash = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/u))

/** The largest page that the proxy shows during a maintenance, in bytes. */
export const maxPage = 64 * 1024

/** What the proxy answers during a maintenance. */
const Maintenance = Schema.Struct({
  body: Schema.String.check(Schema.isMaxLength(maxPage)),
  /** Else it is plain text. */
  html: Schema.Boolean
})
export type Maintenance = typeof Maintenance.Type

/** A service that the proxy serves. */
export const Site = Schema.Struct({
  service: Name,
  hosts: Schema.NonEmptyArray(Host),
  path: Path,
  strip: Schema.Boolean,
  /** A certificate is named by the hash of it and its key. */
  tls: Schema.Union([Schema.Literals(["auto", "off"]), Schema.Struct({ certificate: Hash })]),
  /** In bytes. */
  maxBody: Schema.optionalKey(Schema.Int),
  /** In milliseconds. */
  responseTimeout: Schema.Int,
  replicas: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })),
  /** Present while the service is in maintenance: until it ends, whatever is deployed. */
  maintenance: Schema.optionalKey(Maintenance),
  /** Present if `jiji stop` stopped the service: until it starts or is deployed. */
  stopped: Schema.optionalKey(Schema.Literal(true))
})
export type Site = typeof Site.Type

/** What a project wants of a server's proxy: the content of `/jiji/sites/PROJECT.json`. */
export const ProjectSites = Schema.Struct({
  version: Schema.Literal(1),
  project: Name,
  /** Present if deploy.yml names it. */
  image: Schema.optionalKey(Schema.String),
  http: Port,
  https: Port,
  email: Schema.optionalKey(Schema.String),
  acme: Schema.optionalKey(Schema.String),
  sites: Schema.NonEmptyArray(Site)
})
export type ProjectSites = typeof ProjectSites.Type

/** A certificate with its key, as PEM. */
export interface CertificatePair {
  readonly certificate: string
  readonly key: string
}

/** The name of a certificate's files, without their ends. It changes with their contents, so that the proxy sees a change. */
export const certificateName = ({ certificate, key }: CertificatePair): string =>
  createHash("sha256")
    .update(JSON.stringify([certificate, key]))
    .digest("hex")

/** The file that names the container that serves as a service's replica `number`, from 1. */
export const upFile = (project: string, service: string, number: number): string =>
  `${folder}/up/${project}/${service}-${number}`

/** A service with `proxy`. */
export type ProxiedService = Service & { readonly proxy: ServiceProxy }

/** The services that the proxy of a server serves. */
export const proxiedOn = (project: Project, server: string): ReadonlyArray<ProxiedService> =>
  project.services.filter(
    (service): service is ProxiedService => service.proxy !== undefined && service.hosts.includes(server)
  )

const siteOf = (service: ProxiedService, certificate: string | undefined, before: Site | undefined): Site => {
  const { hosts, maxBody, path, responseTimeout, strip, tls } = service.proxy
  const [first = "", ...others] = hosts
  return {
    service: service.name,
    hosts: [first, ...others],
    path,
    strip,
    tls: tls._tag === "Certificate" ? { certificate: certificate ?? "" } : tls._tag === "Auto" ? "auto" : "off",
    ...(maxBody !== undefined && { maxBody }),
    responseTimeout: Duration.toMillis(responseTimeout),
    replicas: service.replicas ?? 1,
    ...(before?.maintenance !== undefined && { maintenance: before.maintenance })
  }
}

/**
 * What a project wants of a server's proxy. Sites that `before` has of other services stay, unless `isFullDeploy` says that
 * the project has no others. Undefined if nothing is left. `certificates` are names by service.
 */
export const sitesOf = (
  project: Project,
  server: string,
  before: ProjectSites | undefined,
  options: { readonly isFullDeploy: boolean; readonly certificates: ReadonlyMap<string, string> }
): ProjectSites | undefined => {
  const own = proxiedOn(project, server).map((service) => {
    const old = before?.sites.find((site) => site.service === service.name)
    return siteOf(service, options.certificates.get(service.name), old)
  })
  const names = new Set(project.services.map(({ name }) => name))
  const kept = options.isFullDeploy ? [] : (before?.sites ?? []).filter(({ service }) => !names.has(service))
  const [first, ...others] = [...own, ...kept].toSorted((a, b) => (a.service < b.service ? -1 : 1))
  if (first === undefined) return undefined
  const { acme, email, http = 80, https = 443, image } = project.proxy ?? {}
  return {
    version: 1,
    project: project.name,
    ...(image !== undefined && { image: ImageReference.print(image) }),
    http,
    https,
    ...(email !== undefined && { email }),
    ...(acme !== undefined && { acme }),
    sites: [first, ...others]
  }
}

/** All projects' sites with those of one project replaced, or removed if there are none. */
export const withSites = (
  all: ReadonlyArray<ProjectSites>,
  project: string,
  sites: ProjectSites | undefined
): ReadonlyArray<ProjectSites> => [
  ...all.filter((each) => each.project !== project),
  ...(sites === undefined ? [] : [sites])
]
