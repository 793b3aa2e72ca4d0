import type { BuildSource, Engine } from "../../config/Project.ts"
import { canonicalRegistry } from "../../config/ImageReference.ts"
import type { Command } from "../processes/Command.ts"

/** What `create` makes a container from. */
export interface ContainerSpec {
  readonly image: string
  readonly labels: Readonly<Record<string, string>>
  readonly ports: ReadonlyArray<string>
  readonly volumes: ReadonlyArray<string>
  /** Variables that are not secret. */
  readonly environment: Readonly<Record<string, string>>
  readonly command: ReadonlyArray<string>
}

const each = (flag: string, values: ReadonlyArray<string>): ReadonlyArray<string> =>
  values.flatMap((value) => [flag, value])

const pairs = (record: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  Object.entries(record).map(([key, value]) => `${key}=${value}`)

/** The arguments that publish a container's ports. */
export const portWords = (ports: ReadonlyArray<string>): ReadonlyArray<string> => each("--publish", ports)

/** The arguments of `create` after the name, the restart policy and the ports. `secrets` are names; their values are in the environment. */
export const createWords = (spec: ContainerSpec, secrets: ReadonlyArray<string>): ReadonlyArray<string> => [
  "--pull",
  "never",
  ...each("--label", pairs(spec.labels)),
  ...each("--volume", spec.volumes),
  ...each("--env", pairs(spec.environment)),
  ...each("--env", secrets),
  spec.image,
  ...spec.command
]

/** Builds an image. Podman's own format would drop the HEALTHCHECK. */
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
