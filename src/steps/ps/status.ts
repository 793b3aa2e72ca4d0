import { Schema } from "effect"
import { print } from "../../config/ImageReference.ts"
import type { Project, Server, Service } from "../../config/Project.ts"
import type { ServerEngine } from "../../layers/docker/Docker.ts"
import { type InspectedContainer, stateText } from "../../layers/docker/inspect.ts"
import type { Usage } from "../../layers/docker/usage.ts"
import type { Holder } from "../../layers/lock/Holder.ts"
import type { Site } from "../../layers/proxy/sites.ts"
import { isOrphan } from "../Connect.ts"
import { visibleDifferences } from "../configuration.ts"
import { address } from "../doctor/Check.ts"
import { containerName, versionOf } from "../Plan.ts"

/** A container on a server. */
export const ContainerStatus = Schema.Struct({
  name: Schema.String,
  id: Schema.String,
  /** The service that its label names. */
  service: Schema.String,
  /** `running`, `restarting`, `paused` or `stopped`. */
  state: Schema.String,
  /** Such as `healthy`; absent without a health check. */
  health: Schema.optionalKey(Schema.String),
  /** The code that it last exited with. Absent while it runs. */
  exitCode: Schema.optionalKey(Schema.Int),
  version: Schema.String,
  /** The digest of its image. */
  digest: Schema.String,
  /** Published ports, as `[address:]host:container[/protocol]`. */
  ports: Schema.Array(Schema.String),
  /** How often the engine has restarted it. */
  restarts: Schema.optionalKey(Schema.Int),
  /** When it was deployed, in ISO 8601, like the other times. */
  created: Schema.optionalKey(Schema.String),
  /** When it last started. */
  startedAt: Schema.optionalKey(Schema.String),
  /** The run that deployed it, and who: absent if an older jiji did. */
  run: Schema.optionalKey(Schema.String),
  by: Schema.optionalKey(Schema.String),
  /** With `--stats`, of a running container: processor time in percent of one core, and memory in bytes. */
  cpu: Schema.optionalKey(Schema.Finite),
  memory: Schema.optionalKey(Schema.Int)
})
export type ContainerStatus = typeof ContainerStatus.Type

/** A service on a server. */
export const ServiceStatus = Schema.Struct({
  name: Schema.String,
  /** How many of its containers run. */
  replicas: Schema.Int,
  /** How many deploy.yml wants. */
  wanted: Schema.optionalKey(Schema.Int),
  /** The host names under which the proxy serves it, as deploy.yml has them. Absent if it does not. */
  hosts: Schema.optionalKey(Schema.Array(Schema.String)),
  /** The proxy answers its visitors with 503: see `jiji maintenance`. */
  maintenance: Schema.optionalKey(Schema.Literal(true)),
  containers: Schema.Array(ContainerStatus),
  /** What differs from deploy.yml, such as `ports`, `environment: LOG` or `not deployed`. Values of secrets are not compared. */
  differs: Schema.Array(Schema.String)
})
export type ServiceStatus = typeof ServiceStatus.Type

/** Who holds the project's lock on a server: a run that is going on, or somebody with `jiji lock`. */
const LockStatus = Schema.Struct({
  kind: Schema.Literals(["run", "lock"]),
  user: Schema.String,
  /** The machine from which it was taken. */
  machine: Schema.String,
  /** What the run does, such as `deploy`. */
  command: Schema.String,
  run: Schema.String,
  message: Schema.optionalKey(Schema.String),
  since: Schema.String,
  /** When it ends by itself. Absent for a run: its lock ends with it. */
  until: Schema.optionalKey(Schema.String)
})

/** A server with the project's containers. */
export const ServerStatus = Schema.Struct({
  name: Schema.String,
  /** `user@host:port`, as deploy.yml has it. */
  address: Schema.String,
  /** Such as `docker 28.5.0`. Absent if the server cannot be asked. */
  engine: Schema.optionalKey(Schema.String),
  /** Absent if nobody holds the lock. */
  locks: Schema.optionalKey(Schema.Array(LockStatus)),
  services: Schema.Array(ServiceStatus),
  /** Containers of the project that deploy.yml does not place on this server. */
  unknown: Schema.Array(
    Schema.Struct({
      ...ContainerStatus.fields,
      /** Whether `jiji remove` removes it with its service. Others are somebody's own copies. */
      removable: Schema.Boolean
    })
  ),
  /** Why the server cannot be asked. */
  error: Schema.optionalKey(Schema.Struct({ message: Schema.String, remedy: Schema.String }))
})
export type ServerStatus = typeof ServerStatus.Type

const containerStatus = (container: InspectedContainer, usage: ReadonlyMap<string, Usage>): ContainerStatus => {
  const { about, by, digest, id, name, run, running, service, version } = container
  const { exitCode, ...facts } = about ?? { ports: [] }
  return {
    name,
    id,
    service,
    state: stateText(container),
    version,
    digest,
    ...facts,
    ...(!running && exitCode !== undefined && { exitCode }),
    ...(run !== undefined && { run }),
    ...(by !== undefined && { by }),
    ...usage.get(id)
  }
}

/** Whether a name is one that jiji gives to containers of a service: `shop-web`, `shop-web-2`, `shop-web-next`. */
const isOwnName = (project: Project, service: Service, name: string): boolean => {
  const own = containerName(project, service)
  return name.startsWith(own) && /^(?:-\d+)?(?:-next|-trial)?$/.test(name.slice(own.length))
}

const containersOf = (project: Project, service: Service, { containers }: Pick<ServerEngine, "containers">) =>
  containers
    .filter((each) => each.service === service.name && isOwnName(project, service, each.name))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))

/** What a deploy would change, as far as it shows without building and without the values of secrets. */
const differences = (service: Service, containers: ReadonlyArray<InspectedContainer>): ReadonlyArray<string> => {
  if (containers.length === 0) return ["not deployed"]
  const all = containers.flatMap((container) => {
    const { healthy, parts, running, version } = container
    const image = service.source._tag === "Image" ? service.source.image : undefined
    return [
      ...(running ? [] : [stateText(container)]),
      ...(running && !healthy ? ["unhealthy"] : []),
      ...(image !== undefined && versionOf(image) !== version ? [`image ${print(image)}`] : []),
      ...visibleDifferences(parts, service)
    ]
  })
  const running = containers.filter((each) => each.running).length
  const { replicas: wanted = 1 } = service
  // Of one container, the state says the same.
  const count = wanted > 1 || running > 1 ? [`${running} of ${wanted} replicas`] : []
  return [...new Set([...(running === wanted ? [] : count), ...all])]
}

const isoTime = (millis: number): string => new Date(millis).toISOString()

const lockStatus = ({ command, kind, machine, message, run, since, until, user }: Holder): typeof LockStatus.Type => ({
  kind: kind === "run" ? "run" : "lock",
  user,
  machine,
  command,
  run,
  ...(message !== undefined && { message }),
  since: isoTime(since),
  ...(until !== undefined && { until: isoTime(until) })
})

/** What a server says beside its containers. */
export interface Surroundings {
  readonly usage?: ReadonlyMap<string, Usage>
  readonly locks?: ReadonlyArray<Holder>
  /** The project's sites in the server's proxy. */
  readonly sites?: ReadonlyArray<Site>
}

/**
 * The status of a server. `project` has the services to show, `whole` all of deploy.yml: what that does not place on this
 * server is unknown.
 */
export const serverStatus = (
  { project, server, whole }: { readonly project: Project; readonly server: Server; readonly whole?: Project },
  engine: ServerEngine,
  { locks = [], sites = [], usage = new Map<string, Usage>() }: Surroundings = {}
): ServerStatus => {
  const inMaintenance = new Set(sites.flatMap((site) => (site.maintenance === undefined ? [] : [site.service])))
  const isHere = ({ hosts }: Service) => hosts.includes(server.name)
  const known = new Set(
    (whole?.services ?? []).filter(isHere).flatMap((service) => containersOf(project, service, engine))
  )
  return {
    name: server.name,
    address: address(server),
    engine: `${engine.name} ${engine.version}`,
    ...(locks.length > 0 && { locks: locks.map(lockStatus) }),
    services: project.services.filter(isHere).map((service) => {
      const containers = containersOf(project, service, engine)
      return {
        name: service.name,
        replicas: containers.filter(({ running }) => running).length,
        wanted: service.replicas ?? 1,
        ...(service.proxy !== undefined && { hosts: service.proxy.hosts }),
        ...(inMaintenance.has(service.name) && { maintenance: true as const }),
        containers: containers.map((each) => containerStatus(each, usage)),
        differs: differences(service, containers)
      }
    }),
    unknown:
      whole === undefined
        ? []
        : engine.containers
            .filter((each) => !known.has(each))
            .map((each) => ({ ...containerStatus(each, usage), removable: isOrphan(whole, server, each) }))
  }
}
