import { Duration, Redacted } from "effect"
import { print } from "./ImageReference.ts"
import type { Project, RegistryConfig, SecretRef, Server, Service } from "./Project.ts"

type Described = Readonly<Record<string, unknown>>

/** A map without the keys that are undefined. */
const present = (entries: Described): Described =>
  Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined))

/** A duration as deploy.yml has it. */
const time = (duration: Duration.Duration): string => {
  const millis = Duration.toMillis(duration)
  return millis % 1000 === 0 ? `${millis / 1000}s` : `${millis}ms`
}

/** The name of a secret. What deploy.yml has instead of a name is not shown. */
const secret = (ref: SecretRef | undefined): string | undefined => {
  if (ref === undefined) return undefined
  if (ref._tag === "Name") return ref.name
  return ref._tag === "Command" ? "$(…)" : "<redacted>"
}

/** A user of a registry is no secret, unless it is the name of one. */
const username = (ref: SecretRef | undefined): string | undefined =>
  ref?._tag === "Literal" ? Redacted.value(ref.value) : secret(ref)

const registry = (config: RegistryConfig): Described =>
  config.type === "local"
    ? present({
        type: "local",
        port: config.port,
        engine: config.container === undefined ? "builtin" : "container",
        image: config.container?.image
      })
    : present({
        type: "remote",
        server: config.server,
        namespace: config.namespace,
        username: username(config.username),
        password: secret(config.password)
      })

const server = ({ arch, connectTimeout, hostKeys, knownHosts, passphrase, ...rest }: Server): Described =>
  present({
    host: rest.host,
    arch,
    user: rest.user,
    port: rest.port,
    keys: rest.keys.length === 0 ? undefined : rest.keys,
    passphrase: secret(passphrase),
    proxy: rest.proxy,
    host_keys: hostKeys,
    known_hosts: knownHosts,
    connect_timeout: time(connectTimeout)
  })

const source = ({ source }: Service): Described => {
  if (source._tag === "Image") return { image: print(source.image) }
  const { args, cacheFrom, cacheTo, context, dockerfile, noCache, platforms, pull, secrets, ssh, target } = source
  return {
    build: present({
      context,
      dockerfile,
      target,
      args: Object.keys(args).length === 0 ? undefined : args,
      platforms,
      no_cache: noCache,
      pull,
      cache_from: cacheFrom,
      cache_to: cacheTo,
      secrets,
      ssh: ssh === true ? "default" : undefined
    })
  }
}

const health = ({ request, runningFor, timeout }: Service["health"]): Described =>
  present({
    path: request?.path,
    status: request === undefined ? undefined : `${request.status.from}-${request.status.to}`,
    interval: request === undefined ? undefined : time(request.interval),
    running_for: time(runningFor),
    timeout: time(timeout)
  })

const proxy = (config: Service["proxy"]): Described | undefined => {
  if (config === undefined) return undefined
  const { hosts, maxBody, path, port, responseTimeout, strip, tls } = config
  return present({
    hosts,
    port,
    path,
    strip,
    tls: tls._tag === "Certificate" ? { certificate: tls.certificate, key: tls.key } : tls._tag.toLowerCase(),
    max_body: maxBody === undefined ? undefined : String(maxBody),
    response_timeout: time(responseTimeout)
  })
}

const some = <A>(list: ReadonlyArray<A> | undefined): ReadonlyArray<A> | undefined =>
  list === undefined || list.length === 0 ? undefined : list

const service = (each: Service): Described => {
  const { stop_timeout, ...settings } = each.settings ?? {}
  return present({
    ...source(each),
    hosts: each.hosts,
    ports: some(each.ports),
    volumes: some(each.volumes),
    environment: each.environment,
    command: each.command,
    console: each.console,
    depends_on: each.dependsOn,
    files: each.files?.map(({ mode, source, target }) =>
      source._tag === "Secret" ? { secret: source.name, target, mode } : { path: source.path, target, mode }
    ),
    ...settings,
    stop_timeout: stop_timeout === undefined ? undefined : `${stop_timeout}s`,
    release:
      each.release === undefined ? undefined : { command: each.release.command, timeout: time(each.release.timeout) },
    retain: each.retain,
    replicas: each.replicas ?? 1,
    health: health(each.health),
    drain: each.drain === undefined ? undefined : time(each.drain),
    proxy: proxy(each.proxy)
  })
}

const named = <A extends { readonly name: string }>(list: ReadonlyArray<A>, describe: (each: A) => Described) =>
  Object.fromEntries(list.map((each) => [each.name, describe(each)]))

/**
 * A resolved project by the keys of deploy.yml: with the environment's file merged, defaults filled in, absolute paths and
 * the full names of volumes. Secrets have only their names.
 */
export const describeProject = (project: Project): Described =>
  present({
    project: project.name,
    environment: project.environment,
    root: project.root,
    builder: { engine: project.engine, registry: registry(project.registry) },
    proxy:
      project.proxy === undefined
        ? undefined
        : present({
            image: project.proxy.image === undefined ? undefined : print(project.proxy.image),
            http: project.proxy.http,
            https: project.proxy.https,
            email: project.proxy.email,
            acme: project.proxy.acme
          }),
    servers: named(project.servers, server),
    unused_servers: project.unusedServers,
    services: named(project.services, service),
    deploy: project.rollout,
    hooks:
      project.hooks === undefined
        ? undefined
        : named(project.hooks, ({ command, environment, on, only, required, timeout }) =>
            present({ on, command, only, environment, timeout: time(timeout), required })
          )
  })
