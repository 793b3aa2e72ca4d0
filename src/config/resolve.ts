import { Duration, Redacted, Result, Struct } from "effect"
import { wholeCommand } from "./commandValue.ts"
import { containerSettings } from "./containerSettings.ts"
import type { DeployFile } from "./DeployFile.ts"
import { secretPattern } from "./fields.ts"
import { parseStatus } from "./health.ts"
import * as ImageReference from "./ImageReference.ts"
import { mountedFiles } from "./mountedFiles.ts"
import type {
  Health,
  Project,
  ProxyConfig,
  RegistryConfig,
  SecretRef,
  Server,
  Service,
  ServiceProxy
} from "./Project.ts"
import { parseSize } from "./proxy.ts"
import { resolveTriggers } from "./triggers.ts"
import { resolveVolume } from "./volumes.ts"

/** What is needed to resolve a decoded file. */
export interface ResolveContext {
  /** The absolute path of the project's folder. */
  readonly root: string
  /** The absolute path of the local user's home folder. */
  readonly home: string
  readonly environment?: string
  /** The names in the order of the file. Objects do not keep the order of keys such as `2`. */
  readonly order: Readonly<Record<"servers" | "services", ReadonlyArray<string>>> & {
    readonly hooks?: ReadonlyArray<string>
    readonly triggers?: ReadonlyArray<string>
  }
  /** The contents of the project's files that services mount, by their paths in the file. */
  readonly contents?: ReadonlyMap<string, Uint8Array>
  /** Resolves a path relative to a folder. Absolute paths do not change. */
  readonly join: (folder: string, path: string) => string
}

/** Text in capitals is the name of a secret; other text is the value itself. */
const nameOrText = (text: string): SecretRef =>
  secretPattern.test(text) ? { _tag: "Name", name: text } : { _tag: "Literal", value: Redacted.make(text) }

/** The same, but `$(command)` is a command that prints the value. */
const secretRef = (key: string, text: string): SecretRef => {
  const command = wholeCommand(text)
  return command === undefined ? nameOrText(text) : { _tag: "Command", key, command: Redacted.make(command) }
}

/** Returns an object with one entry, or an empty one if the value is undefined. So absent keys stay absent. */
const optionalEntry = <K extends string, A>(key: K, value: A | undefined): { readonly [P in K]?: A } =>
  // TypeScript widens a computed key to an index signature.
  (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: A }

const optionalRef = (key: string, text: string | undefined): SecretRef | undefined =>
  text === undefined ? undefined : secretRef(key, text)

/** Resolves a path in the file: absolute, `~/…`, or relative to the project's folder. */
const absolutePath = (path: string, { home, join, root }: ResolveContext): string => {
  if (path === "~") return home
  return path.startsWith("~/") ? join(home, path.slice(2)) : join(root, path)
}

const resolveRegistry = (registry: DeployFile["builder"]["registry"]): RegistryConfig =>
  registry.type === "local"
    ? {
        type: "local",
        port: registry.port,
        ...optionalEntry(
          "container",
          registry.engine === "container" ? { image: registry.image ?? "registry:3" } : undefined
        )
      }
    : {
        type: "remote",
        server: registry.server,
        ...optionalEntry("namespace", registry.namespace),
        ...optionalEntry("username", registry.username === undefined ? undefined : nameOrText(registry.username)),
        ...optionalEntry("password", optionalRef("builder.registry.password", registry.password))
      }

/** What ~/.ssh/config may set, or undefined if deploy.yml sets it all. */
const unsetSettings = (ssh: DeployFile["ssh"]): Server["defaults"] => {
  const values = { hostKeys: ssh.host_keys, knownHosts: ssh.known_hosts, connectTimeout: ssh.connect_timeout }
  const unset = Struct.keys(values).filter((key) => values[key] === undefined)
  return unset.length === 0 ? undefined : unset
}

const resolveServer = (
  name: string,
  server: DeployFile["servers"][string],
  ssh: DeployFile["ssh"],
  context: ResolveContext
): Server => ({
  name,
  host: server.host,
  ...optionalEntry("user", server.user ?? ssh.user),
  ...optionalEntry("port", server.port ?? ssh.port),
  keys: (server.keys ?? ssh.keys ?? []).map((key) => absolutePath(key, context)),
  ...optionalEntry("passphrase", optionalRef("passphrase", server.passphrase ?? ssh.passphrase)),
  ...optionalEntry("proxy", server.proxy ?? ssh.proxy),
  hostKeys: ssh.host_keys ?? "accept-new",
  knownHosts: absolutePath(ssh.known_hosts ?? "~/.ssh/known_hosts", context),
  connectTimeout: ssh.connect_timeout ?? Duration.seconds(10),
  ...optionalEntry("defaults", unsetSettings(ssh)),
  ...optionalEntry("arch", server.arch)
})

/** The name of a builder that is none of the servers. */
export const builderName = "builder"

const resolveBuilder = (deploy: DeployFile, context: ResolveContext): Server | undefined => {
  const { remote } = deploy.builder
  if (remote === undefined) return undefined
  const [, user, host = "", port] = /^ssh:\/\/(?:(.+)@)?(.+?)(?::(\d+))?$/u.exec(remote) ?? []
  if (host === "") {
    const server = deploy.servers[remote]
    // The cross checks report an unknown name.
    return server === undefined ? undefined : resolveServer(remote, server, deploy.ssh, context)
  }
  const address = {
    host: host.replace(/^\[(.*)\]$/u, "$1"),
    ...optionalEntry("user", user),
    ...optionalEntry("port", port === undefined ? undefined : Number(port))
  }
  return resolveServer(builderName, address, deploy.ssh, context)
}

/** A list, or undefined if it is empty. */
const someOf = <A>(list: ReadonlyArray<A>): ReadonlyArray<A> | undefined => (list.length === 0 ? undefined : list)

const resolveSource = (service: DeployFile["services"][string], paths: ResolveContext): Service["source"] => {
  const { build, image } = service
  // The schema allows exactly one of the two, and checks the reference.
  if (build === undefined) return { _tag: "Image", image: Result.getOrThrow(ImageReference.parse(image ?? "")) }
  const context = absolutePath(build.context, paths)
  return {
    _tag: "Build",
    context,
    dockerfile: paths.join(context, build.dockerfile),
    args: build.args,
    ...optionalEntry("target", build.target),
    ...optionalEntry("platforms", build.platforms),
    ...optionalEntry("noCache", build.no_cache || undefined),
    ...optionalEntry("pull", build.pull || undefined),
    ...optionalEntry("cacheFrom", someOf(build.cache_from)),
    ...optionalEntry("cacheTo", someOf(build.cache_to)),
    ...optionalEntry("secrets", someOf(build.secrets)),
    ...optionalEntry("ssh", build.ssh === "default" || undefined)
  }
}

const resolveServiceProxy = (proxy: DeployFile["services"][string]["proxy"]): ServiceProxy | undefined => {
  if (proxy === undefined) return undefined
  const { hosts, max_body, path, port, response_timeout: responseTimeout, strip, tls } = proxy
  return {
    hosts,
    port,
    path,
    strip,
    tls: typeof tls === "object" ? { _tag: "Certificate", ...tls } : { _tag: tls === "auto" ? "Auto" : "Off" },
    ...optionalEntry("maxBody", max_body === undefined ? undefined : parseSize(max_body)),
    responseTimeout
  }
}

const resolveProxy = (proxy: DeployFile["proxy"]): ProxyConfig | undefined => {
  if (proxy === undefined) return undefined
  const { image, ...others } = proxy
  // The schema checks the reference.
  return {
    ...others,
    ...optionalEntry("image", image === undefined ? undefined : Result.getOrThrow(ImageReference.parse(image)))
  }
}

const resolveHealth = (health: DeployFile["services"][string]["health"]): Health => {
  const {
    interval = Duration.seconds(1),
    path,
    running_for: runningFor,
    status: statuses = "200-399",
    timeout
  } = health
  const status = parseStatus(statuses)
  // The schema checks the status.
  const request = path === undefined || typeof status === "string" ? undefined : { path, status, interval }
  return { runningFor, timeout, ...optionalEntry("request", request) }
}

const resolveService = (
  project: string,
  name: string,
  service: DeployFile["services"][string],
  context: ResolveContext
): Service => ({
  name,
  source: resolveSource(service, context),
  hosts: service.hosts,
  ports: service.ports,
  volumes: service.volumes.map((volume) => resolveVolume(project, volume)),
  environment: service.environment,
  ...optionalEntry("command", service.command),
  ...optionalEntry("console", service.console),
  ...optionalEntry("dependsOn", service.depends_on?.length === 0 ? undefined : service.depends_on),
  ...optionalEntry(
    "files",
    service.files?.length ? mountedFiles(service.files, context.contents ?? new Map()) : undefined
  ),
  ...optionalEntry("settings", containerSettings(service)),
  ...optionalEntry("release", service.release),
  retain: service.retain,
  ...optionalEntry("replicas", service.replicas === 1 ? undefined : service.replicas),
  health: resolveHealth(service.health),
  ...optionalEntry("drain", service.drain),
  ...optionalEntry("proxy", resolveServiceProxy(service.proxy))
})

const inOrder = <A>(record: Readonly<Record<string, A>>, names: ReadonlyArray<string>): ReadonlyArray<[string, A]> =>
  Object.entries(record).sort(([a], [b]) => names.indexOf(a) - names.indexOf(b))

/** Converts a valid deploy file to a project, with defaults filled in and absolute paths. */
export const resolveProject = (deploy: DeployFile, context: ResolveContext): Project => {
  const services = inOrder(deploy.services, context.order.services).map(([name, service]) =>
    resolveService(deploy.project, name, service, context)
  )
  const used = new Set(services.flatMap((service) => service.hosts))
  const servers = inOrder(deploy.servers, context.order.servers)
  const unused = servers.flatMap(([name]) => (used.has(name) ? [] : [name]))
  const hooks = inOrder(deploy.hooks, context.order.hooks ?? []).map(([name, hook]) => ({ name, ...hook }))
  const triggers = resolveTriggers(inOrder(deploy.triggers, context.order.triggers ?? []))
  return {
    name: deploy.project,
    ...optionalEntry("environment", context.environment),
    root: context.root,
    engine: deploy.builder.engine,
    ...optionalEntry("builder", resolveBuilder(deploy, context)),
    registry: resolveRegistry(deploy.builder.registry),
    ...optionalEntry("proxy", resolveProxy(deploy.proxy)),
    servers: servers
      .filter(([name]) => used.has(name))
      .map(([name, server]) => resolveServer(name, server, deploy.ssh, context)),
    ...optionalEntry("unusedServers", unused.length === 0 ? undefined : unused),
    services,
    ...optionalEntry("rollout", deploy.deploy),
    ...optionalEntry("hooks", hooks.length === 0 ? undefined : hooks),
    ...optionalEntry("triggers", triggers.length === 0 ? undefined : triggers)
  }
}
