import type { BuildSource, Engine } from "../../config/Project.ts"
import { canonicalRegistry } from "../../config/ImageReference.ts"
import type { Command } from "../processes/Command.ts"

/** The part of a container's definition that its `create` is made of. */
export interface ContainerSpec {
  readonly image: string
  readonly labels: Readonly<Record<string, string>>
  readonly ports: ReadonlyArray<string>
  readonly volumes: ReadonlyArray<string>
  /** Values that are no secrets. */
  readonly environment: Readonly<Record<string, string>>
  readonly command: ReadonlyArray<string>
}

const each = (flag: string, values: ReadonlyArray<string>): ReadonlyArray<string> =>
  values.flatMap((value) => [flag, value])

const pairs = (record: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  Object.entries(record).map(([key, value]) => `${key}=${value}`)

/** The words that publish a container's ports. */
export const portWords = (ports: ReadonlyArray<string>): ReadonlyArray<string> => each("--publish", ports)

/** The words of `create` behind the container's name and its ports. `secrets` are names; their values come with the environment. */
export const createWords = (spec: ContainerSpec, secrets: ReadonlyArray<string>): ReadonlyArray<string> => [
  "--pull",
  "never",
  "--restart",
  "unless-stopped",
  ...each("--label", pairs(spec.labels)),
  ...each("--volume", spec.volumes),
  ...each("--env", pairs(spec.environment)),
  ...each("--env", secrets),
  spec.image,
  ...spec.command
]

/** Builds an image on this machine. Podman's own format would lose the HEALTHCHECK. */
export const build = (
  engine: Engine,
  source: BuildSource,
  reference: string,
  platform: string | undefined
): Command["words"] => [
  engine,
  "build",
  ...(engine === "podman" ? ["--format", "docker"] : []),
  "--file",
  source.dockerfile,
  "--tag",
  reference,
  ...(platform === undefined ? [] : ["--platform", platform]),
  ...(source.target === undefined ? [] : ["--target", source.target]),
  ...each("--build-arg", pairs(source.args)),
  source.context
]

/** Describes an image, as JSON. */
export const inspectImage = (engine: Engine, reference: string): Command["words"] => [
  engine,
  "image",
  "inspect",
  reference
]

/** Writes an image to stdout, as an archive. */
export const save = (engine: Engine, reference: string): Command["words"] => [engine, "save", reference]

/** What a login is asked for: Docker Hub has three names, and engines keep its login under one of them. */
export const loginServer = (server: string): string => canonicalRegistry(server)

/** Logs a user in; the password comes on stdin. */
export const login = (engine: Engine, server: string, username: string): Command["words"] => [
  engine,
  "login",
  "--username",
  username,
  "--password-stdin",
  loginServer(server)
]

/** Logs a user out. */
export const logout = (engine: Engine, server: string): Command["words"] => {
  const asked = loginServer(server)
  // Where docker keeps the login of docker.io; its logout looks for nothing but what it is told.
  // https://github.com/docker/cli/blob/v20.10.24/cli/command/registry/logout.go
  return [engine, "logout", engine === "docker" && asked === "docker.io" ? "https://index.docker.io/v1/" : asked]
}
