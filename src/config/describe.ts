import { Duration, Redacted } from "effect"
import { print } from "./ImageReference.ts"
import { describeTrigger } from "./triggers.ts"
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

/** Any value of a project, for keys that need no words of their own: new ones appear without a change here. */
const general = (value: unknown): unknown => {
  if (Duration.isDuration(value)) return time(value)
  if (Redacted.isRedacted(value)) return "<redacted>"
  if (Array.isArray(value)) return value.map(general)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, general(inner)]))
}

/** The same, by the names that keys have in deploy.yml. */
const generalKeys = (entries: object): Described =>
  Object.fromEntries(
    Object.entries(entries).map(([key, value]) => [
      key.replaceAll(/[A-Z]/gu, (letter) => `_${letter.toLowerCase()}`),
      general(value)
    ])
  )

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
  const { drain, environment, files, health: checks, hosts, name: _name, ports, proxy: routes, ...afterProxy } = each
  const { replicas = 1, settings = {}, source: _source, volumes, ...others } = afterProxy
  const { stop_timeout, ...plainSettings } = settings
  return present({
    ...source(each),
    hosts,
    ports: some(ports),
    volumes: some(volumes),
    environment,
    ...generalKeys(others),
    files: files?.map(({ mode, source, target }) =>
      source._tag === "Secret" ? { secret: source.name, target, mode } : { path: source.path, target, mode }
    ),
    ...plainSettings,
    stop_timeout: stop_timeout === undefined ? undefined : `${stop_timeout}s`,
    replicas,
    health: health(checks),
    drain: drain === undefined ? undefined : time(drain),
    proxy: proxy(routes)
  })
}

/** The machine that builds: the name of a server, or an address. */
const remote = (builder: Server | undefined, servers: ReadonlyArray<Server>): string | undefined => {
  if (builder === undefined || servers.some(({ name }) => name === builder.name)) return builder?.name
  const user = builder.user === undefined ? "" : `${builder.user}@`
  return `ssh://${user}${builder.host}${builder.port === undefined ? "" : `:${builder.port}`}`
}

const named = <A extends { readonly name: string }>(list: ReadonlyArray<A>, describe: (each: A) => Described) =>
  Object.fromEntries(list.map((each) => [each.name, describe(each)]))

/**
 * A resolved project by the keys of deploy.yml: with the environment's file merged, defaults filled in, absolute paths and
 * the full names of volumes. Secrets have only their names.
 */
export const describeProject = (project: Project): Described => {
  const { engine, environment, hooks, name, proxy: serverProxy, registry: images, rollout, root, ...others } = project
  const { builder, servers, services, triggers, unusedServers, ...rest } = others
  return present({
    project: name,
    environment,
    root,
    builder: present({ engine, remote: remote(builder, servers), registry: registry(images) }),
    proxy:
      serverProxy === undefined
        ? undefined
        : present({
            ...serverProxy,
            image: serverProxy.image === undefined ? undefined : print(serverProxy.image)
          }),
    servers: named(servers, server),
    unused_servers: unusedServers,
    services: named(services, service),
    deploy: rollout,
    hooks: hooks === undefined ? undefined : named(hooks, ({ name: _name, ...hook }) => generalKeys(hook)),
    triggers: triggers === undefined ? undefined : named(triggers, describeTrigger),
    ...generalKeys(rest)
  })
}
