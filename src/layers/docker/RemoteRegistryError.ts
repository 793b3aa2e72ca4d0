import { Schema } from "effect"
import { namesByUser, registryOf } from "../../config/ImageReference.ts"
import { defineError } from "../../core/defineError.ts"

const fields = {
  machine: Schema.String,
  engine: Schema.String,
  /** The image that was asked for, or the registry alone where it was a login. */
  reference: Schema.String,
  /** The engine's own words. */
  detail: Schema.String
}

// Shared by the samples.
const engine = { machine: "web1", engine: "docker" }
const ghcr = { ...engine, reference: "ghcr.io/octocat/shop/web:v1" }
const own = { ...engine, reference: "registry.example.com/shop-web:v1" }

/** Where something happened, as a part of a sentence. */
export const on = (machine: string): string => (machine === "local" ? "on this machine" : `on ${machine}`)

/** The registry of an image, or the one that a login was for. */
const server = (reference: string): string => (reference.includes("/") ? registryOf(reference) : reference)

/** Where tokens are made, of registries that are known by name. */
const tokens = (reference: string): string => {
  switch (namesByUser(server(reference))) {
    case "GHCR":
      return " New tokens: https://github.com/settings/tokens, with `write:packages` and `read:packages`."
    case "Docker Hub":
      return " New tokens: https://hub.docker.com/settings/security, with read and write."
    case undefined:
      return ""
  }
}

/** 401: the registry knows no such user, the password is wrong, or the token has expired. */
export class RegistryRefused extends defineError<RegistryRefused>()("RegistryRefused", {
  fields: {
    ...fields,
    /** Nothing of deploy.yml's was shown to the registry: the engine's own login, or none. */
    isOwn: Schema.optionalKey(Schema.Boolean)
  },
  message: ({ reference, machine, detail }) => `The registry refused ${reference} ${on(machine)}: ${detail}`,
  remedy: ({ isOwn, engine, reference, machine }) => {
    if (isOwn === true) {
      return `Log in with \`${engine} login ${server(reference)}\` ${on(machine)}; where it is the project's own registry, \`username\` and \`password\` under \`builder.registry\` do.`
    }
    return `Check \`username\` and \`password\` under \`builder.registry\`, and that the token has not expired.${tokens(reference)}`
  },
  exitCode: "permission",
  sample: { ...ghcr, detail: "unauthorized: unauthenticated" }
}) {}

/** 403: the registry knows who it is, and does not allow it. */
export class RegistryForbidden extends defineError<RegistryForbidden>()("RegistryForbidden", {
  fields,
  message: ({ reference, machine, detail }) =>
    `The registry does not allow ${reference} ${on(machine)} (403 Forbidden): ${detail}`,
  remedy: ({ reference }) => {
    switch (namesByUser(server(reference))) {
      case "GHCR":
        return "Check that the GitHub token has `write:packages` and `read:packages`, that `username` is your GitHub user or organisation, and that the package exists or the token may create packages."
      case "Docker Hub":
        return "Check that the repository belongs to `username` (or to the organisation in `namespace`), and that the access token may read and write."
      case undefined:
        return "Check that the user may read and write this repository, and `namespace` under `builder.registry`."
    }
  },
  exitCode: "permission",
  sample: { ...ghcr, detail: "denied: permission_denied: write_package" }
}) {}

/** 404: a registry does not have an image. */
export class ImageNotFound extends defineError<ImageNotFound>()("ImageNotFound", {
  fields,
  message: ({ reference, machine, detail }) => `There is no image ${reference}, asked for ${on(machine)}: ${detail}`,
  remedy: "Check the name and tag under `image:`, and whether the registry asks for a login.",
  exitCode: "failed",
  sample: { ...engine, reference: "nginx:1.99", detail: "manifest for nginx:1.99 not found: manifest unknown" }
}) {}

const isQuota = (detail: string): boolean => /pull rate limit/i.test(detail)

/** 429: the registry was asked too often. */
export class RegistryRateLimited extends defineError<RegistryRateLimited>()("RegistryRateLimited", {
  fields: {
    ...fields,
    /** Seconds that the registry asks to wait, where it says so. */
    retryAfter: Schema.optionalKey(Schema.Finite)
  },
  message: ({ reference, machine, detail }) =>
    `The registry of ${reference} was asked too often ${on(machine)} (429): ${detail}`,
  remedy: ({ detail, retryAfter }) => {
    if (isQuota(detail)) {
      return "Docker Hub counts pulls over six hours: add `username` and `password` under `builder.registry`, which raises the limit, or deploy again later."
    }
    const wait = retryAfter === undefined ? "a minute" : `${Math.ceil(retryAfter)} s`
    return `Deploy again in ${wait}.`
  },
  exitCode: "unavailable",
  sample: { ...engine, reference: "redis:7", detail: "toomanyrequests: You have reached your pull rate limit." }
}) {
  /** Docker Hub counts pulls over hours; waiting for seconds changes nothing. */
  get isQuota(): boolean {
    return isQuota(this.detail)
  }
}

/** The registry's certificate is not one that the machine trusts. */
export class RegistryUntrusted extends defineError<RegistryUntrusted>()("RegistryUntrusted", {
  fields,
  message: ({ reference, machine, detail }) =>
    `The certificate of ${server(reference)} is not trusted ${on(machine)}: ${detail}`,
  remedy: ({ reference, machine }) =>
    `Put the certificate of its authority into /etc/docker/certs.d/${server(reference)}/ca.crt ${on(machine)} (docker and podman read it there), and check the machine's clock.`,
  exitCode: "unavailable",
  sample: { ...own, detail: "x509: certificate signed by unknown authority" }
}) {}

/** The registry answers plain HTTP where HTTPS is spoken. */
export class RegistryWithoutTls extends defineError<RegistryWithoutTls>()("RegistryWithoutTls", {
  fields,
  message: ({ reference, machine, detail }) =>
    `${server(reference)} answers plain HTTP, and passwords are sent over HTTPS only (${on(machine)}): ${detail}`,
  remedy: "Give the registry TLS, and check the port in `server` under `builder.registry`.",
  exitCode: "unavailable",
  sample: { ...own, detail: "http: server gave HTTP response to HTTPS client" }
}) {}

/** The registry's name does not exist. */
export class RegistryNotResolved extends defineError<RegistryNotResolved>()("RegistryNotResolved", {
  fields,
  message: ({ reference, machine, detail }) =>
    `The name ${server(reference)} cannot be resolved ${on(machine)}: ${detail}`,
  remedy: ({ reference }) =>
    `Check the spelling of \`server\` under \`builder.registry\`, and the name servers of the machine: getent hosts ${server(reference)}.`,
  exitCode: "unavailable",
  sample: { ...own, detail: "dial tcp: lookup registry.example.com: no such host" }
}) {}

/** The registry did not answer in time. */
export class RegistryTimedOut extends defineError<RegistryTimedOut>()("RegistryTimedOut", {
  fields,
  message: ({ reference, machine, detail }) =>
    `The registry of ${reference} did not answer in time ${on(machine)}: ${detail}`,
  remedy: "Check that the machine reaches the registry (firewall, proxy), then deploy again.",
  exitCode: "unavailable",
  sample: { ...own, detail: "net/http: TLS handshake timeout" }
}) {}

/** The connection to the registry broke in the middle. */
export class RegistryLost extends defineError<RegistryLost>()("RegistryLost", {
  fields,
  message: ({ reference, machine, detail }) =>
    `The connection to the registry of ${reference} broke ${on(machine)}: ${detail}`,
  remedy: "Deploy again: what the registry has by now is not sent a second time.",
  exitCode: "unavailable",
  sample: { ...own, detail: "unexpected EOF" }
}) {}

/** The registry has no room left. */
export class RegistryFull extends defineError<RegistryFull>()("RegistryFull", {
  fields,
  message: ({ reference, detail }) => `The registry has no room for ${reference}: ${detail}`,
  remedy: ({ reference }) => `Delete old images at ${server(reference)}, or enlarge its storage or its quota.`,
  exitCode: "failed",
  sample: { ...own, detail: "received unexpected HTTP status: 507 Insufficient Storage" }
}) {}

/** 5xx: something is wrong with the registry itself. */
export class RegistryFailing extends defineError<RegistryFailing>()("RegistryFailing", {
  fields,
  message: ({ reference, machine, detail }) =>
    `The registry of ${reference} has an error of its own (asked ${on(machine)}): ${detail}`,
  remedy: ({ reference }) => `Deploy again later; the state of ${server(reference)} is for its operator to see.`,
  exitCode: "unavailable",
  sample: { ...own, detail: "received unexpected HTTP status: 502 Bad Gateway" }
}) {}

/** Nothing answers at the registry's address. */
export class RegistryUnreachable extends defineError<RegistryUnreachable>()("RegistryUnreachable", {
  fields,
  message: ({ reference, machine, detail }) =>
    `The registry of ${reference} cannot be reached ${on(machine)}: ${detail}`,
  remedy: "Check the registry's address under `builder.registry`, and that the machine reaches it.",
  exitCode: "unavailable",
  sample: { ...own, detail: "dial tcp 203.0.113.30:443: connect: connection refused" }
}) {}

export type RemoteRegistryError =
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
