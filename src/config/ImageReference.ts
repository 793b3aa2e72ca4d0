import { Result, Schema, SchemaTransformation, Struct } from "effect"
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
    text: "use sha256: and 64 lower-case hexadecimal digits, or sha512: and 128",
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

/** The hosts of Docker Hub. Its images are always named by the first one. */
const dockerHub: ReadonlySet<string> = new Set(["docker.io", "registry-1.docker.io", "index.docker.io"])

// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
// https://github.com/distribution/reference/blob/main/reference.go
const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*"
const hostLabel = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
const port = "(?:6553[0-5]|655[0-2]\\d|65[0-4]\\d{2}|6[0-4]\\d{3}|[1-5]\\d{4}|[1-9]\\d{0,3})"
const host = `(?:${hostLabel}(?:\\.${hostLabel})*|\\[[0-9a-f:]+\\])(?::${port})?`
const pathPattern = new RegExp(`^${component}(?:/${component})*$`, "u")
const repositoryPattern = new RegExp(`^(?:${host}/)?${component}(?:/${component})*$`, "u")
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/u
const digestPattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/u

/** An image's name: `[REGISTRY/]PATH[:TAG][@DIGEST]`. Only this file takes such a text apart or puts it together. */
export interface ImageReference {
  /** `ghcr.io`, `localhost:9270`; absent where the text names none, which means Docker Hub. */
  readonly registry?: string
  /** `octocat/shop/web`, without registry, tag and digest. */
  readonly path: string
  readonly tag?: string
  /** `sha256:` and 64 hexadecimal digits, or `sha512:` and 128. */
  readonly digest?: string
}

/** The repository, without tag and digest. */
export const repositoryOf = ({ path, registry }: ImageReference): string =>
  registry === undefined ? path : `${registry}/${path}`

/** The reference as engines take it. */
export const print = (reference: ImageReference): string => {
  const { digest, tag } = reference
  return `${repositoryOf(reference)}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`
}

const split = (text: string): ImageReference => {
  const at = text.indexOf("@")
  const named = at < 0 ? text : text.slice(0, at)
  const colon = named.lastIndexOf(":")
  const isTagged = colon > named.lastIndexOf("/")
  const repository = isTagged ? named.slice(0, colon) : named
  const slash = repository.indexOf("/")
  const first = repository.slice(0, Math.max(0, slash))
  // https://github.com/distribution/reference: without a dot, a port or the name localhost it is a user of Docker Hub.
  const isRegistry = /[.:]/.test(first) || first === "localhost"
  return {
    ...(isRegistry && { registry: first }),
    path: isRegistry ? repository.slice(slash + 1) : repository,
    ...(isTagged && { tag: named.slice(colon + 1) }),
    ...(at >= 0 && { digest: text.slice(at + 1) })
  }
}

/** Checks each part of a reference. */
const check = (reference: ImageReference): Result.Result<ImageReference, ImageNameInvalid> => {
  const { digest, tag } = reference
  const invalid = (part: ImageNameInvalid["part"], value: string) => Result.fail(new ImageNameInvalid({ part, value }))
  if (tag !== undefined && !tagPattern.test(tag)) return invalid("tag", tag)
  if (digest !== undefined && !digestPattern.test(digest)) return invalid("digest", digest)
  const repository = repositoryOf(reference)
  const isValid = repositoryPattern.test(repository) && repository.length <= 255
  return isValid ? Result.succeed(reference) : invalid("repository", repository)
}

/** Parses a reference; `print` gives the same text back. */
export const parse = (text: string): Result.Result<ImageReference, ImageNameInvalid> => check(split(text))

/** The same image under another tag. */
export const withTag = (reference: ImageReference, tag: string): Result.Result<ImageReference, ImageNameInvalid> =>
  check({ ...reference, tag })

/** The image of this digest in the same repository, whatever its tag. */
export const withDigest = ({ path, registry }: ImageReference, digest: string): ImageReference => ({
  ...(registry !== undefined && { registry }),
  path,
  digest
})

/** Whether a text can be a reference's `path`. Such a text is safe to use as a file's path. */
export const isPath = (text: string): boolean => text.length <= 255 && pathPattern.test(text)

/** Whether a text can be an image's tag. Such a text is safe to use as a file's name. */
export const isTag = (text: string): boolean => tagPattern.test(text)

/** A reference as JSON and events have it: its text. */
export const FromString = Schema.String.pipe(
  Schema.decodeTo(
    Schema.Struct({
      registry: Schema.optionalKey(Schema.String),
      path: Schema.String,
      tag: Schema.optionalKey(Schema.String),
      digest: Schema.optionalKey(Schema.String)
    }),
    SchemaTransformation.transform({ decode: split, encode: print })
  )
)

/** The first 12 digits of a digest, as people read it. */
export const shortDigest = (digest: string): string => digest.replace(/^sha\d+:/u, "").slice(0, 12)

/** The name of a registry that names images after a user, or undefined. */
export const namesByUser = (server: string): "GHCR" | "Docker Hub" | undefined => {
  const known = server.toLowerCase()
  if (known === "ghcr.io") return "GHCR"
  return dockerHub.has(known) ? "Docker Hub" : undefined
}

/** The name a registry has in its images: `docker.io` for all of Docker Hub's hosts, its own for any other. */
export const canonicalRegistry = (server: string): string =>
  dockerHub.has(server.toLowerCase()) ? "docker.io" : server.toLowerCase()

/** The registry of an image: Docker Hub where it names none. */
export const registryOf = ({ registry = "docker.io" }: ImageReference): string => canonicalRegistry(registry)

/** The registry that a text names: that of an image, or the text itself if it is a registry alone. */
export const registryNamed = (text: string): string => (text.includes("/") ? registryOf(split(text)) : text)

/** Whether two names are of the same repository. Docker prints `redis` for what podman calls `docker.io/library/redis`. */
export const isSameRepository = (one: ImageReference, other: ImageReference): boolean =>
  fullRepository(one) === fullRepository(other)

const fullRepository = (reference: ImageReference): string => {
  const registry = registryOf(reference)
  const { path } = reference
  return `${registry}/${registry === "docker.io" && !path.includes("/") ? `library/${path}` : path}`
}

/** Whether an image is in a registry on the loopback of the machine that pulls it. */
export const isOnLoopback = ({ registry = "" }: ImageReference): boolean =>
  /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]):\d+$/u.test(registry)

/** The parts of a remote repository's path; undefined where a username is needed and absent. */
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

/**
 * Where a service's images are kept: a reference in lower case, without tag and digest. `username` is the resolved
 * value, not a secret's name. A `namespace` takes the place of what a registry derives from the username:
 *
 * | registry            | without `namespace`              | with                               |
 * | ------------------- | -------------------------------- | ---------------------------------- |
 * | `ghcr.io`           | `ghcr.io/USER/PROJECT/SERVICE`   | `ghcr.io/NAMESPACE/SERVICE`        |
 * | Docker Hub          | `docker.io/USER/PROJECT-SERVICE` | `docker.io/NAMESPACE/PROJECT-SERVICE` |
 * | any other server    | `SERVER/PROJECT-SERVICE`         | `SERVER/NAMESPACE/PROJECT-SERVICE` |
 * | the local registry  | `localhost:PORT/PROJECT-SERVICE` |                                    |
 */
export const ofService = (
  registry: RegistryConfig,
  project: string,
  service: string,
  username?: string
): Result.Result<ImageReference, UsernameRequired | ImageNameInvalid> => {
  if (registry.type === "local") {
    return check({ registry: `localhost:${registry.port}`, path: `${project}-${service}`.toLowerCase() })
  }
  const kind = namesByUser(registry.server)
  const parts = remoteParts(registry, project, service, username)
  if (parts === undefined) return Result.fail(new UsernameRequired({ registry: kind ?? registry.server }))
  return check({ registry: canonicalRegistry(registry.server), path: parts.join("/").toLowerCase() })
}

/** Why a text is not a full image reference, as a sentence without its subject. */
export const referenceFault = (text: string): string | undefined => {
  const [, , ...rest] = text.split("@")
  const result = parse(text)
  if (rest.length > 0) return "must be an image reference such as nginx:1.27, with at most one digest"
  if (Result.isSuccess(result)) return undefined
  if (text.includes("://")) return "must be an image reference such as ghcr.io/acme/app:1.2, without https://"
  const { part, value } = result.failure
  if (part === "repository" && repositoryPattern.test(value.toLowerCase())) {
    return `must be in lower case, except for the tag: ${text.replace(value, value.toLowerCase())}`
  }
  return `must be an image reference such as nginx:1.27; "${value}" is not a valid ${part}: ${rules[part].text}`
}
