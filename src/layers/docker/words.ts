import { cacheLocation, cacheOfPlatform } from "./platformCache.ts"
import type { BuildSource, Engine } from "../../config/Project.ts"
import { canonicalRegistry } from "../../config/ImageReference.ts"
import type { Command } from "../processes/Command.ts"
import type { Builder } from "./builder/builder.ts"

/** A container's place in the network of its project. */
export interface NetworkPlace {
  /** The network's name. */
  readonly name: string
  /** The name under which the containers of the network find it. */
  readonly alias: string
  /** Its IPv4 address. It stays the same over restarts. */
  readonly address: string
}

/** What `create` makes a container from. */
export interface ContainerSpec {
  readonly image: string
  /** Default: the engine's own network. */
  readonly network?: NetworkPlace
  readonly labels: Readonly<Record<string, string>>
  readonly ports: ReadonlyArray<string>
  readonly volumes: ReadonlyArray<string>
  /** Variables that are not secret. */
  readonly environment: Readonly<Record<string, string>>
  readonly command: ReadonlyArray<string>
  /** More arguments, as `settingsWords` makes them. */
  readonly options?: ReadonlyArray<string>
}

const each = (flag: string, values: ReadonlyArray<string>): ReadonlyArray<string> =>
  values.flatMap((value) => [flag, value])

const pairs = (record: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  Object.entries(record).map(([key, value]) => `${key}=${value}`)

/** A hardware address for an IPv4 address: docker's own scheme. */
const hardwareAddress = (address: string): string =>
  ["02:42", ...address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"))].join(":")

/**
 * The arguments for what two containers cannot share, or must not: a trial container is created without them. With podman, a
 * container that gets the address of another one would have another hardware address, and be out of reach for up to a minute
 * for all who remember the old one. Docker makes it from the address, or announces it.
 */
export const exclusiveWords = (engine: Engine, { network, ports }: ContainerSpec): ReadonlyArray<string> => [
  ...(network === undefined
    ? []
    : [
        "--network-alias",
        network.alias,
        "--ip",
        network.address,
        ...(engine === "podman" ? ["--mac-address", hardwareAddress(network.address)] : []),
        "--label",
        `jiji.address=${network.address}`
      ]),
  ...each("--publish", ports)
]

/**
 * The arguments of `create` after the name, the restart policy and the exclusive words. `secrets` are names; their values
 * are in the environment.
 */
export const createWords = (spec: ContainerSpec, secrets: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...(spec.network === undefined ? [] : ["--network", spec.network.name]),
  "--pull",
  "never",
  ...each("--label", pairs(spec.labels)),
  ...each("--volume", spec.volumes),
  ...each("--env", pairs(spec.environment)),
  ...each("--env", secrets),
  ...(spec.options ?? []),
  spec.image,
  ...spec.command
]

/** The variable that holds a secret of a build. With the secret's own name it could change what the engine does. */
export const buildSecretVariable = (name: string): string => `JIJI_SECRET_${name}`

/** Whether a place for a build's cache is of BuildKit's form, and not the name of an image. */
export const isTypedCache = (place: string): boolean => place.startsWith("type=")

/** What the arguments of a build depend on. */
export interface BuildWords {
  readonly engine: Engine
  readonly source: BuildSource
  readonly reference: string
  readonly platform?: string
  /** Whether the image is built for further platforms, too. */
  readonly isOneOfSeveral?: boolean
  /** What builds. Default: what `ENGINE build` uses. */
  readonly kind?: Builder["kind"]
  /** Whether to build every step again, whatever `source` says. */
  readonly noCache?: boolean
}

/** Docker's client writes no cache by itself, except into the image. */
const cacheToWords = (kind: BuildWords["kind"], places: ReadonlyArray<string>): ReadonlyArray<string> =>
  kind === "buildkit" ? places.flatMap(() => ["--build-arg", "BUILDKIT_INLINE_CACHE=1"]) : each("--cache-to", places)

/** The caches of a build. With several platforms, each has its own. */
const caches = ({ engine, isOneOfSeveral, platform, source: { cacheFrom = [], cacheTo = [] } }: BuildWords) => {
  // Podman's caches have a tag for each step, so that no build replaces those of another.
  if (isOneOfSeveral !== true || platform === undefined || engine === "podman") return { cacheFrom, cacheTo }
  const written = new Set(cacheTo.map(cacheLocation))
  return {
    cacheFrom: cacheFrom.map((place) => (written.has(cacheLocation(place)) ? cacheOfPlatform(place, platform) : place)),
    cacheTo: cacheTo.map((place) => cacheOfPlatform(place, platform))
  }
}

/** Builds an image. Podman's own format would drop the HEALTHCHECK. */
export const build = (options: BuildWords): Command["words"] => {
  const { engine, kind, noCache, platform, reference, source } = options
  const { cacheFrom, cacheTo } = caches(options)
  return [
    engine,
    // Without --load, a builder in a container would keep the image for itself.
    ...(kind === "buildx" ? ["buildx", "build", "--load"] : ["build"]),
    ...(engine === "podman" ? ["--format", "docker"] : []),
    "--file",
    source.dockerfile,
    "--tag",
    reference,
    ...(platform === undefined ? [] : ["--platform", platform]),
    ...(source.target === undefined ? [] : ["--target", source.target]),
    ...each("--build-arg", pairs(source.args)),
    ...(noCache === true || source.noCache === true ? ["--no-cache"] : []),
    // Podman 4 and 5 disagree about a --pull without a value.
    ...(source.pull === true ? [engine === "podman" ? "--pull=always" : "--pull"] : []),
    ...each("--cache-from", cacheFrom),
    ...cacheToWords(kind, cacheTo),
    ...(source.secrets ?? []).flatMap((name) => ["--secret", `id=${name},env=${buildSecretVariable(name)}`]),
    ...(source.ssh === true ? ["--ssh", "default"] : []),
    source.context
  ]
}

/** Describes an image, as JSON. */
export const inspectImage = (engine: Engine, reference: string): Command["words"] => [
  engine,
  "image",
  "inspect",
  reference
]

/** Prints what running containers use: the id, the processor time in percent of one core, and the memory. */
export const usage = (engine: Engine, ids: readonly [string, ...ReadonlyArray<string>]): Command["words"] => [
  engine,
  "stats",
  "--no-stream",
  "--format",
  "{{.ID}}\t{{.CPUPerc}}\t{{.MemUsage}}",
  ...ids
]

/** Writes an image to stdout as a tar archive. */
export const save = (engine: Engine, reference: string): Command["words"] => [engine, "save", reference]

/** The name to log in under: Docker Hub has three, and engines store its login under one of them. */
export const loginServer = (server: string): string => canonicalRegistry(server)

/** Logs in; reads the password from stdin. */
export const login = (engine: Engine, server: string, username: string): Command["words"] => [
  engine,
  "login",
  "--username",
  username,
  "--password-stdin",
  loginServer(server)
]

/** Logs out. */
export const logout = (engine: Engine, server: string): Command["words"] => {
  const asked = loginServer(server)
  // Docker stores the login of docker.io under this URL, and its logout looks for the given name only.
  // https://github.com/docker/cli/blob/v20.10.24/cli/command/registry/logout.go
  return [engine, "logout", engine === "docker" && asked === "docker.io" ? "https://index.docker.io/v1/" : asked]
}
