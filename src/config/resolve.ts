import { Redacted, Result } from "effect"
import { wholeCommand } from "./commandValue.ts"
import type { DeployFile } from "./DeployFile.ts"
import { secretPattern } from "./fields.ts"
import * as ImageReference from "./ImageReference.ts"
import type { Project, RegistryConfig, SecretRef, Server, Service } from "./Project.ts"
import { resolveVolume } from "./volumes.ts"

/** What a decoded file is resolved against. */
export interface ResolveContext {
  /** The folder that holds `.jiji`. Absolute. */
  readonly root: string
  /** The local user's home folder. Absolute. */
  readonly home: string
  readonly environment?: string
  /** The names of each in the order of the file, which objects do not keep for names like `2`. */
  readonly order: Readonly<Record<"servers" | "services", ReadonlyArray<string>>> & {
    readonly hooks?: ReadonlyArray<string>
  }
  /** Joins a folder and a path that is relative to it; an absolute path stays. */
  readonly join: (folder: string, path: string) => string
}

/** A text in capitals is the name of a secret; any other is the value. */
const nameOrText = (text: string): SecretRef =>
  secretPattern.test(text) ? { _tag: "Name", name: text } : { _tag: "Literal", value: Redacted.make(text) }

/** The same, and `$(…)` is a command that prints the value. */
const secretRef = (key: string, text: string): SecretRef => {
  const command = wholeCommand(text)
  return command === undefined ? nameOrText(text) : { _tag: "Command", key, command: Redacted.make(command) }
}

/** An object with this entry, or with none: what is absent in the file has no key. */
const present = <K extends string, A>(key: K, value: A | undefined): { readonly [P in K]?: A } =>
  // TypeScript widens a computed key to an index signature.
  (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: A }

const mapRef = (key: string, text: string | undefined): SecretRef | undefined =>
  text === undefined ? undefined : secretRef(key, text)

/** A path from the file: absolute, from the home folder, or relative to the project. */
const file = (path: string, { home, join, root }: ResolveContext): string => {
  if (path === "~") return home
  return path.startsWith("~/") ? join(home, path.slice(2)) : join(root, path)
}

const resolveRegistry = (registry: DeployFile["builder"]["registry"]): RegistryConfig =>
  registry.type === "local"
    ? {
        type: "local",
        port: registry.port,
        ...present("container", registry.engine === "container" ? { image: registry.image ?? "registry:3" } : undefined)
      }
    : {
        type: "remote",
        server: registry.server,
        ...present("namespace", registry.namespace),
        ...present("username", registry.username === undefined ? undefined : nameOrText(registry.username)),
        ...present("password", mapRef("builder.registry.password", registry.password))
      }

const resolveServer = (
  name: string,
  server: DeployFile["servers"][string],
  ssh: DeployFile["ssh"],
  context: ResolveContext
): Server => ({
  name,
  host: server.host,
  ...present("user", server.user ?? ssh.user),
  ...present("port", server.port ?? ssh.port),
  keys: (server.keys ?? ssh.keys ?? []).map((key) => file(key, context)),
  ...present("passphrase", mapRef("passphrase", server.passphrase ?? ssh.passphrase)),
  ...present("proxy", server.proxy ?? ssh.proxy),
  hostKeys: ssh.host_keys,
  knownHosts: file(ssh.known_hosts, context),
  connectTimeout: ssh.connect_timeout,
  ...present("arch", server.arch)
})

const resolveSource = (service: DeployFile["services"][string], paths: ResolveContext): Service["source"] => {
  const { build, image } = service
  // The schema allows exactly one of the two, and checks the reference.
  if (build === undefined) return { _tag: "Image", image: Result.getOrThrow(ImageReference.parse(image ?? "")) }
  const context = file(build.context, paths)
  return {
    _tag: "Build",
    context,
    dockerfile: paths.join(context, build.dockerfile),
    args: build.args,
    ...present("target", build.target)
  }
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
  ...present("command", service.command),
  retain: service.retain,
  health: { runningFor: service.health.running_for, timeout: service.health.timeout }
})

const inOrder = <A>(record: Readonly<Record<string, A>>, names: ReadonlyArray<string>): ReadonlyArray<[string, A]> =>
  Object.entries(record).sort(([a], [b]) => names.indexOf(a) - names.indexOf(b))

/** A file without problems, with every default filled in and every path absolute. */
export const resolveProject = (deploy: DeployFile, context: ResolveContext): Project => {
  const services = inOrder(deploy.services, context.order.services).map(([name, service]) =>
    resolveService(deploy.project, name, service, context)
  )
  const used = new Set(services.flatMap((service) => service.hosts))
  const hooks = inOrder(deploy.hooks, context.order.hooks ?? []).map(([name, hook]) => ({ name, ...hook }))
  return {
    name: deploy.project,
    ...present("environment", context.environment),
    root: context.root,
    engine: deploy.builder.engine,
    registry: resolveRegistry(deploy.builder.registry),
    servers: inOrder(deploy.servers, context.order.servers)
      .filter(([name]) => used.has(name))
      .map(([name, server]) => resolveServer(name, server, deploy.ssh, context)),
    services,
    ...present("hooks", hooks.length === 0 ? undefined : hooks)
  }
}
