import { Schema } from "effect"
import { namesByUser, registryNamed } from "../../config/ImageReference.ts"
import { ExitCode } from "../../core/Failure.ts"

const fields = {
  machine: Schema.String,
  engine: Schema.String,
  /** The image that was asked for, or the registry alone where it was a login. */
  reference: Schema.String,
  /** The engine's own words. */
  detail: Schema.String
}

/** Where something happened, as a part of a sentence. */
export const onMachine = (machine: string): string => (machine === "local" ? "on this machine" : `on ${machine}`)

/** The registry of an image, or the one that a login was for. */
const server = registryNamed

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
export class RegistryRefused extends Schema.TaggedError<RegistryRefused>()("RegistryRefused", {
  ...fields,
  /** Nothing of deploy.yml's was shown to the registry: the engine's own login, or none. */
  isOwn: Schema.optionalKey(Schema.Boolean)
}) {
  override get message() {
    return `The registry refused ${this.reference} ${onMachine(this.machine)}: ${this.detail}`
  }
  get remedy() {
    if (this.isOwn === true) {
      return `Log in with \`${this.engine} login ${server(this.reference)}\` ${onMachine(this.machine)}; where it is the project's own registry, \`username\` and \`password\` under \`builder.registry\` do.`
    }
    return `Check \`username\` and \`password\` under \`builder.registry\`, and that the token has not expired.${tokens(this.reference)}`
  }
  get exitCode() {
    return ExitCode.permission
  }
}

/** 403: the registry knows who it is, and does not allow it. */
export class RegistryForbidden extends Schema.TaggedError<RegistryForbidden>()("RegistryForbidden", fields) {
  override get message() {
    return `The registry does not allow ${this.reference} ${onMachine(this.machine)} (403 Forbidden): ${this.detail}`
  }
  get remedy() {
    switch (namesByUser(server(this.reference))) {
      case "GHCR":
        return "Check that the GitHub token has `write:packages` and `read:packages`, that `username` is your GitHub user or organisation, and that the package exists or the token may create packages."
      case "Docker Hub":
        return "Check that the repository belongs to `username` (or to the organisation in `namespace`), and that the access token may read and write."
      case undefined:
        return "Check that the user may read and write this repository, and `namespace` under `builder.registry`."
    }
  }
  get exitCode() {
    return ExitCode.permission
  }
}

/** 404: a registry does not have an image. */
export class ImageNotFound extends Schema.TaggedError<ImageNotFound>()("ImageNotFound", fields) {
  override get message() {
    return `There is no image ${this.reference}, asked for ${onMachine(this.machine)}: ${this.detail}`
  }
  get remedy() {
    return "Check the name and tag under `image:`, and whether the registry asks for a login."
  }
  get exitCode() {
    return ExitCode.failed
  }
}

/** 429: the registry was asked too often. */
export class RegistryRateLimited extends Schema.TaggedError<RegistryRateLimited>()("RegistryRateLimited", {
  ...fields,
  /** Seconds that the registry asks to wait, where it says so. */
  retryAfter: Schema.optionalKey(Schema.Finite)
}) {
  override get message() {
    return `The registry of ${this.reference} was asked too often ${onMachine(this.machine)} (429): ${this.detail}`
  }
  /** Docker Hub counts pulls over hours; waiting for seconds changes nothing. */
  get isQuota(): boolean {
    return /pull rate limit/i.test(this.detail)
  }
  get remedy() {
    if (this.isQuota) {
      return "Docker Hub counts pulls over six hours: add `username` and `password` under `builder.registry`, which raises the limit, or deploy again later."
    }
    const wait = this.retryAfter === undefined ? "a minute" : `${Math.ceil(this.retryAfter)} s`
    return `Deploy again in ${wait}.`
  }
  get exitCode() {
    return ExitCode.unavailable
  }
}

/** The registry's certificate is not one that the machine trusts. */
export class RegistryUntrusted extends Schema.TaggedError<RegistryUntrusted>()("RegistryUntrusted", fields) {
  override get message() {
    return `The certificate of ${server(this.reference)} is not trusted ${onMachine(this.machine)}: ${this.detail}`
  }
  get remedy() {
    return `Put the certificate of its authority into /etc/docker/certs.d/${server(this.reference)}/ca.crt ${onMachine(this.machine)} (docker and podman read it there), and check the machine's clock.`
  }
  get exitCode() {
    return ExitCode.unavailable
  }
}

/** The registry answers plain HTTP where HTTPS is spoken. */
export class RegistryWithoutTls extends Schema.TaggedError<RegistryWithoutTls>()("RegistryWithoutTls", fields) {
  override get message() {
    return `${server(this.reference)} answers plain HTTP, and passwords are sent over HTTPS only (${onMachine(this.machine)}): ${this.detail}`
  }
  get remedy() {
    return "Give the registry TLS, and check the port in `server` under `builder.registry`."
  }
  get exitCode() {
    return ExitCode.unavailable
  }
}

/** The registry's name does not exist. */
export class RegistryNotResolved extends Schema.TaggedError<RegistryNotResolved>()("RegistryNotResolved", fields) {
  override get message() {
    return `The name ${server(this.reference)} cannot be resolved ${onMachine(this.machine)}: ${this.detail}`
  }
  get remedy() {
    return `Check the spelling of \`server\` under \`builder.registry\`, and the name servers of the machine: getent hosts ${server(this.reference)}.`
  }
  get exitCode() {
    return ExitCode.unavailable
  }
}

/** The registry did not answer in time. */
export class RegistryTimedOut extends Schema.TaggedError<RegistryTimedOut>()("RegistryTimedOut", fields) {
  override get message() {
    return `The registry of ${this.reference} did not answer in time ${onMachine(this.machine)}: ${this.detail}`
  }
  get remedy() {
    return "Check that the machine reaches the registry (firewall, proxy), then deploy again."
  }
  get exitCode() {
    return ExitCode.unavailable
  }
}

/** The connection to the registry broke in the middle. */
export class RegistryLost extends Schema.TaggedError<RegistryLost>()("RegistryLost", fields) {
  override get message() {
    return `The connection to the registry of ${this.reference} broke ${onMachine(this.machine)}: ${this.detail}`
  }
  get remedy() {
    return "Deploy again: what the registry has by now is not sent a second time."
  }
  get exitCode() {
    return ExitCode.unavailable
  }
}

/** The registry has no room left. */
export class RegistryFull extends Schema.TaggedError<RegistryFull>()("RegistryFull", fields) {
  override get message() {
    return `The registry has no room for ${this.reference}: ${this.detail}`
  }
  get remedy() {
    return `Delete old images at ${server(this.reference)}, or enlarge its storage or its quota.`
  }
  get exitCode() {
    return ExitCode.failed
  }
}

/** 5xx: something is wrong with the registry itself. */
export class RegistryFailing extends Schema.TaggedError<RegistryFailing>()("RegistryFailing", fields) {
  override get message() {
    return `The registry of ${this.reference} has an error of its own (asked ${onMachine(this.machine)}): ${this.detail}`
  }
  get remedy() {
    return `Deploy again later; the state of ${server(this.reference)} is for its operator to see.`
  }
  get exitCode() {
    return ExitCode.unavailable
  }
}

/** Nothing answers at the registry's address. */
export class RegistryUnreachable extends Schema.TaggedError<RegistryUnreachable>()("RegistryUnreachable", fields) {
  override get message() {
    return `The registry of ${this.reference} cannot be reached ${onMachine(this.machine)}: ${this.detail}`
  }
  get remedy() {
    return "Check the registry's address under `builder.registry`, and that the machine reaches it."
  }
  get exitCode() {
    return ExitCode.unavailable
  }
}

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
