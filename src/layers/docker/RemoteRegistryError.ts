import { Schema } from "effect"
import { namesByUser, registryNamed } from "../../config/ImageReference.ts"
import { defineError } from "../../core/defineError.ts"
import { from, on } from "../processes/machineText.ts"

const fields = {
  machine: Schema.String,
  engine: Schema.String,
  /** The image, or only the registry if it was a login. */
  reference: Schema.String,
  /** The engine's own message. */
  detail: Schema.String
}

// Shared by the samples.
const engine = { machine: "web1", engine: "docker" }
const ghcr = { ...engine, reference: "ghcr.io/octocat/shop/web:v1" }
const own = { ...engine, reference: "registry.example.com/shop-web:v1" }

const registry = registryNamed

const newToken = {
  GHCR: " Create a new token at https://github.com/settings/tokens with `write:packages` and `read:packages`.",
  "Docker Hub": " Create a new token at https://hub.docker.com/settings/security with read and write access."
}

/** 401: the user does not exist, the password is wrong, or the token has expired. */
export class RegistryRefused extends defineError<RegistryRefused>()("RegistryRefused", {
  fields: {
    ...fields,
    /** Whether the engine used no credentials from deploy.yml, only its own login or none. */
    isOwn: Schema.optionalKey(Schema.Boolean)
  },
  message: (e) => `The registry requires a valid login for ${e.reference} ${on(e.machine)}: ${e.detail}`,
  remedy: (e) => {
    const server = registry(e.reference)
    if (e.isOwn === true) {
      return `Log in with \`${e.engine} login ${server}\` ${on(e.machine)}. If it is the project's own registry, set \`username\` and \`password\` under \`builder.registry\` instead.`
    }
    const known = namesByUser(server)
    return `Check \`username\` and \`password\` under \`builder.registry\`, and that the token has not expired.${known === undefined ? "" : newToken[known]}`
  },
  exitCode: "permission",
  sample: { ...ghcr, detail: "unauthorized: unauthenticated" }
}) {}

const permissions = {
  GHCR: "Check that the GitHub token has `write:packages` and `read:packages`, that `username` is your GitHub user or organization, and that the package exists or the token may create it.",
  "Docker Hub":
    "Check that the repository belongs to `username` or to the organization in `namespace`, and that the access token may read and write.",
  other: "Check that the user may read and write this repository, and check `namespace` under `builder.registry`."
}

/** 403: the registry knows the user, but does not allow the request. */
export class RegistryForbidden extends defineError<RegistryForbidden>()("RegistryForbidden", {
  fields,
  message: (e) => `The registry denied access to ${e.reference} ${on(e.machine)} (403 Forbidden): ${e.detail}`,
  remedy: (e) => permissions[namesByUser(registry(e.reference)) ?? "other"],
  exitCode: "permission",
  sample: { ...ghcr, detail: "denied: permission_denied: write_package" }
}) {}

/** 404: the registry does not have the image. */
export class ImageNotFound extends defineError<ImageNotFound>()("ImageNotFound", {
  fields,
  message: (e) => `The registry has no image ${e.reference} (requested ${from(e.machine)}): ${e.detail}`,
  remedy: "Check the name and tag under `image:`, and whether the registry requires a login.",
  exitCode: "failed",
  sample: { ...engine, reference: "nginx:1.99", detail: "manifest for nginx:1.99 not found: manifest unknown" }
}) {}

const isQuota = (detail: string): boolean => /pull rate limit/i.test(detail)

/** 429: the registry received too many requests. */
export class RegistryRateLimited extends defineError<RegistryRateLimited>()("RegistryRateLimited", {
  fields: {
    ...fields,
    /** Seconds to wait, if the registry names them. */
    retryAfter: Schema.optionalKey(Schema.Finite)
  },
  message: (e) => `The registry of ${e.reference} received too many requests ${from(e.machine)} (429): ${e.detail}`,
  remedy: (e) =>
    isQuota(e.detail)
      ? "Docker Hub counts pulls over six hours. Set `username` and `password` under `builder.registry` for a higher limit, or deploy again later."
      : `Deploy again in ${e.retryAfter === undefined ? "a minute" : `${Math.ceil(e.retryAfter)} s`}.`,
  exitCode: "unavailable",
  sample: { ...engine, reference: "redis:7", detail: "toomanyrequests: You have reached your pull rate limit." }
}) {
  /** Docker Hub counts pulls over hours, so waiting for seconds does not help. */
  get isQuota(): boolean {
    return isQuota(this.detail)
  }
}

/** The machine does not trust the registry's certificate. */
export class RegistryUntrusted extends defineError<RegistryUntrusted>()("RegistryUntrusted", {
  fields,
  message: (e) => `The certificate of ${registry(e.reference)} is not trusted ${on(e.machine)}: ${e.detail}`,
  remedy: (e) =>
    `Copy its CA certificate to /etc/docker/certs.d/${registry(e.reference)}/ca.crt ${on(e.machine)} (docker and podman read it there), and check the machine's clock.`,
  exitCode: "unavailable",
  sample: { ...own, detail: "x509: certificate signed by unknown authority" }
}) {}

/** The registry uses plain HTTP instead of HTTPS. */
export class RegistryWithoutTls extends defineError<RegistryWithoutTls>()("RegistryWithoutTls", {
  fields,
  message: (e) =>
    `${registry(e.reference)} answers over plain HTTP, but passwords are sent over HTTPS only (${on(e.machine)}): ${e.detail}`,
  remedy: "Set up TLS for the registry, or correct the port in `server` under `builder.registry`.",
  exitCode: "unavailable",
  sample: { ...own, detail: "http: server gave HTTP response to HTTPS client" }
}) {}

/** The registry's host name does not exist. */
export class RegistryNotResolved extends defineError<RegistryNotResolved>()("RegistryNotResolved", {
  fields,
  message: (e) => `The host name ${registry(e.reference)} cannot be resolved ${on(e.machine)}: ${e.detail}`,
  remedy: (e) =>
    `Check \`server\` under \`builder.registry\`, and the machine's DNS with \`getent hosts ${registry(e.reference).replace(/:\d+$/, "")}\`.`,
  exitCode: "unavailable",
  sample: { ...own, detail: "dial tcp: lookup registry.example.com: no such host" }
}) {}

/** The registry did not answer in time. */
export class RegistryTimedOut extends defineError<RegistryTimedOut>()("RegistryTimedOut", {
  fields,
  message: (e) => `The request to the registry of ${e.reference} timed out ${on(e.machine)}: ${e.detail}`,
  remedy: "Check that the machine can reach the registry (firewall, proxy), then deploy again.",
  exitCode: "unavailable",
  sample: { ...own, detail: "net/http: TLS handshake timeout" }
}) {}

/** The connection to the registry broke during a transfer. */
export class RegistryLost extends defineError<RegistryLost>()("RegistryLost", {
  fields: {
    ...fields,
    /** Absent if it was a login, and in errors that older versions recorded. */
    transfer: Schema.optionalKey(Schema.Literals(["push", "pull"]))
  },
  message: (e) => `The connection to the registry of ${e.reference} was lost ${on(e.machine)}: ${e.detail}`,
  remedy: (e) => {
    switch (e.transfer) {
      case "push":
        return "Deploy again: layers that the registry already has are not pushed again."
      case "pull":
        return `Check the network between the machine and the registry, then deploy again: layers that are already ${on(e.machine)} are not pulled again.`
      default:
        return "Check the network between the machine and the registry, then try again."
    }
  },
  exitCode: "unavailable",
  sample: [
    { ...own, transfer: "pull", detail: "unexpected EOF" },
    { ...own, machine: "local", transfer: "push", detail: "write: broken pipe" }
  ]
}) {}

/** The registry has no space left. */
export class RegistryFull extends defineError<RegistryFull>()("RegistryFull", {
  fields,
  message: (e) => `The registry has no space left for ${e.reference}: ${e.detail}`,
  remedy: (e) => `Delete old images at ${registry(e.reference)}, or increase its storage or quota.`,
  exitCode: "failed",
  sample: { ...own, detail: "received unexpected HTTP status: 507 Insufficient Storage" }
}) {}

/** 5xx: the registry itself has a problem. */
export class RegistryFailing extends defineError<RegistryFailing>()("RegistryFailing", {
  fields,
  message: (e) =>
    `The registry of ${e.reference} answered a request ${from(e.machine)} with a server error: ${e.detail}`,
  remedy: (e) => `Deploy again later. If it keeps failing, contact the operator of ${registry(e.reference)}.`,
  exitCode: "unavailable",
  sample: { ...own, detail: "received unexpected HTTP status: 502 Bad Gateway" }
}) {}

/** Nothing answers at the registry's address. */
export class RegistryUnreachable extends defineError<RegistryUnreachable>()("RegistryUnreachable", {
  fields,
  message: (e) => `The registry of ${e.reference} cannot be reached ${from(e.machine)}: ${e.detail}`,
  remedy: "Check the registry's address under `builder.registry`, and that the machine can reach it.",
  exitCode: "unavailable",
  sample: { ...own, detail: "dial tcp 203.0.113.30:443: connect: connection refused" }
}) {}

/** The registry sent other bytes than their digest promises. */
export class DigestMismatch extends defineError<DigestMismatch>()("DigestMismatch", {
  fields,
  message: (e) => `The registry's data for ${e.reference} does not match its digest ${on(e.machine)}: ${e.detail}`,
  remedy: (e) =>
    registry(e.reference).startsWith("localhost:")
      ? "Deploy again. If it fails again, delete the registry's images with `jiji registry remove`: the next deploy imports them again."
      : "Deploy again. If it fails again, the registry's copy is damaged: push the image again.",
  exitCode: "failed",
  sample: { ...ghcr, detail: "filesystem layer verification failed for digest sha256:4f2ebd2e" }
}) {}

export type RemoteRegistryError =
  | DigestMismatch
  | RegistryRefused
  | RegistryForbidden
  | ImageNotFound
  | RegistryRateLimited
  | RegistryUntrusted
  | RegistryWithoutTls
  | RegistryNotResolved
  | RegistryTimedOut
  | RegistryLost
  | RegistryFull
  | RegistryFailing
  | RegistryUnreachable
