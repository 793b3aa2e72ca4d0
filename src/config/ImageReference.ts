import { Result, Schema, Struct } from "effect"
import { defineError } from "../core/defineError.ts"
import type { RegistryConfig, RemoteRegistryConfig } from "./Project.ts"

/** The registry names images after the user, and deploy.yml sets no username. */
export class UsernameRequired extends defineError<UsernameRequired>()("UsernameRequired", {
  fields: { registry: Schema.String },
  message: (e) => `${e.registry} requires username to be configured`,
  remedy: "Add `username` under `builder.registry` in .jiji/deploy.yml.",
  exitCode: "configuration",
  sample: { registry: "GHCR" }
}) {}

const rules = {
  repository: {
    text: "use at most 255 lower-case letters and digits, with single `.`, `_` or `-` between them",
    remedy: "Set `namespace` under `builder.registry` to a valid name, or correct `username`."
  },
  tag: {
    text: "use at most 128 letters, digits, `_`, `.` and `-`, and do not start with `.` or `-`",
    remedy: "Choose another version with `--version`."
  },
  digest: {
    text: "use sha256: and 64 hexadecimal digits",
    remedy: "Deploy the version again, so that jiji learns its digest."
  }
}

/** No registry accepts this name. */
export class ImageNameInvalid extends defineError<ImageNameInvalid>()("ImageNameInvalid", {
  fields: { part: Schema.Literals(Struct.keys(rules)), value: Schema.String },
  message: (e) => `"${e.value}" is not a valid image ${e.part}: ${rules[e.part].text}.`,
  remedy: (e) => rules[e.part].remedy,
  exitCode: "configuration",
  sample: { part: "repository", value: "docker.io/me@example.com/shop-web" }
}) {}

/** How the hosts of Docker Hub are written; images there are always named by the first. */
const dockerHub: ReadonlySet<string> = new Set(["docker.io", "registry-1.docker.io", "index.docker.io"])

// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*"
const host = "(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\\[[0-9a-f:]+\\])(?::\\d{1,5})?"
const repositoryPattern = new RegExp(`^(?:${host}/)?${component}(?:/${component})*$`, "u")
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/u
const digestPattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/u

/** The name of a registry that names images after a user; nothing for any other. */
export const namesByUser = (server: string): "GHCR" | "Docker Hub" | undefined => {
  const known = server.toLowerCase()
  if (known === "ghcr.io") return "GHCR"
  return dockerHub.has(known) ? "Docker Hub" : undefined
}

/** The name that a registry has in its images: Docker Hub's first one, and any other's own. */
export const canonical = (server: string): string =>
  dockerHub.has(server.toLowerCase()) ? "docker.io" : server.toLowerCase()

/** The registry that an image reference names: Docker Hub where it names none. */
export const registryOf = (reference: string): string => {
  const [first = "", ...rest] = reference.split("/")
  // https://github.com/distribution/reference: what has no dot, no port and is not localhost is a user of Docker Hub's.
  return rest.length > 0 && (/[.:]/.test(first) || first === "localhost") ? canonical(first) : "docker.io"
}

/** The parts of a remote repository's name after its server; nothing where a username is needed and absent. */
const remoteParts = (
  registry: RemoteRegistryConfig,
  project: string,
  service: string,
  username: string | undefined
): ReadonlyArray<string> | undefined => {
  const kind = namesByUser(registry.server)
  if (registry.namespace !== undefined) {
    return [registry.namespace, kind === "GHCR" ? service : `${project}-${service}`]
  }
  if (kind === undefined) return [`${project}-${service}`]
  if (username === undefined || username === "") return undefined
  return kind === "GHCR" ? [username, project, service] : [username, `${project}-${service}`]
}

const checked = (name: string): Result.Result<string, ImageNameInvalid> =>
  repositoryPattern.test(name) && name.length <= 255
    ? Result.succeed(name)
    : Result.fail(new ImageNameInvalid({ part: "repository", value: name }))

/**
 * Where a service's images are kept, in lower case and without a tag. `username` is the resolved value, not a secret's
 * name. A `namespace` takes the place of what a registry derives from the username:
 *
 * | registry            | without `namespace`              | with                               |
 * | ------------------- | -------------------------------- | ---------------------------------- |
 * | `ghcr.io`           | `ghcr.io/USER/PROJECT/SERVICE`   | `ghcr.io/NAMESPACE/SERVICE`        |
 * | Docker Hub          | `docker.io/USER/PROJECT-SERVICE` | `docker.io/NAMESPACE/PROJECT-SERVICE` |
 * | any other server    | `SERVER/PROJECT-SERVICE`         | `SERVER/NAMESPACE/PROJECT-SERVICE` |
 * | the local registry  | `localhost:PORT/PROJECT-SERVICE` |                                    |
 */
export const repository = (
  registry: RegistryConfig,
  project: string,
  service: string,
  username?: string
): Result.Result<string, UsernameRequired | ImageNameInvalid> => {
  if (registry.type === "local") return checked(`localhost:${registry.port}/${project}-${service}`.toLowerCase())
  const kind = namesByUser(registry.server)
  const parts = remoteParts(registry, project, service, username)
  if (parts === undefined) return Result.fail(new UsernameRequired({ registry: kind ?? registry.server }))
  return checked([kind === "Docker Hub" ? "docker.io" : registry.server, ...parts].join("/").toLowerCase())
}

/** `REPOSITORY[:TAG][@DIGEST]`. */
export const reference = (
  repository: string,
  version: { readonly tag?: string; readonly digest?: string }
): Result.Result<string, ImageNameInvalid> => {
  const { digest, tag } = version
  if (tag !== undefined && !tagPattern.test(tag)) return Result.fail(new ImageNameInvalid({ part: "tag", value: tag }))
  if (digest !== undefined && !digestPattern.test(digest)) {
    return Result.fail(new ImageNameInvalid({ part: "digest", value: digest }))
  }
  const named = tag === undefined ? repository : `${repository}:${tag}`
  return Result.map(checked(repository), () => (digest === undefined ? named : `${named}@${digest}`))
}

/** Why a text is not a full image reference, as a sentence without its subject. */
export const referenceFault = (text: string): string | undefined => {
  const [named = "", digest, ...rest] = text.split("@")
  const colon = named.lastIndexOf(":")
  const tagged = colon > named.lastIndexOf("/")
  const result = reference(tagged ? named.slice(0, colon) : named, {
    ...(tagged && { tag: named.slice(colon + 1) }),
    ...(digest !== undefined && { digest })
  })
  if (rest.length > 0) return "must be an image reference such as nginx:1.27, with at most one digest"
  if (Result.isSuccess(result)) return undefined
  if (text.includes("://")) return "must be an image reference such as ghcr.io/acme/app:1.2, without https://"
  const { part, value } = result.failure
  if (part === "repository" && repositoryPattern.test(value.toLowerCase())) {
    return `must be in lower case, except for the tag: ${text.replace(value, value.toLowerCase())}`
  }
  return `must be an image reference such as nginx:1.27; "${value}" is not a valid ${part}: ${rules[part].text}`
}
