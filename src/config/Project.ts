import type { Duration, Redacted } from "effect"
import type { Hook } from "./hooks.ts"
import type { ImageReference } from "./ImageReference.ts"

/** The program that builds and runs containers. */
export type Engine = "docker" | "podman"

/**
 * A value that may be written in the file, be the name of a secret (ALL_CAPS), or be what a command prints (`$(…)`);
 * `key` is where the file has that.
 */
export type SecretRef =
  | { readonly _tag: "Name"; readonly name: string }
  | { readonly _tag: "Command"; readonly key: string; readonly command: Redacted.Redacted<string> }
  | { readonly _tag: "Literal"; readonly value: Redacted.Redacted<string> }

export interface LocalRegistryConfig {
  readonly type: "local"
  readonly port: number
  /** The container that keeps the images; jiji keeps them itself where it is absent. */
  readonly container?: { readonly image: string }
}

export interface RemoteRegistryConfig {
  readonly type: "remote"
  readonly server: string
  readonly namespace?: string
  readonly username?: SecretRef
  readonly password?: SecretRef
}

export type RegistryConfig = LocalRegistryConfig | RemoteRegistryConfig

/** How a host key that is not in known_hosts yet is treated. A changed one is always refused. */
export type HostKeys = "strict" | "accept-new"

/** A named SSH target, with everything of `ssh:` that applies to it merged in. Paths are absolute. */
export interface Server {
  readonly name: string
  readonly host: string
  /** Left to ~/.ssh/config, then to the local user's name, where it is absent. */
  readonly user?: string
  /** Left to ~/.ssh/config, then 22, where it is absent. */
  readonly port?: number
  /** Private key files. The agent, ~/.ssh/config and the default identities where empty. */
  readonly keys: ReadonlyArray<string>
  /** The name of the secret that unlocks the keys. */
  readonly passphrase?: SecretRef
  /** `[user@]host[:port]` of a jump host. */
  readonly proxy?: string
  readonly hostKeys: HostKeys
  /** The known_hosts file that is read, and written to under accept-new. */
  readonly knownHosts: string
  readonly connectTimeout: Duration.Duration
  /** What images for this server must be built for: `amd64`, `arm64`, …; asked of the server where absent. */
  readonly arch?: string
}

export interface BuildSource {
  readonly _tag: "Build"
  /** Absolute. */
  readonly context: string
  /** Absolute. */
  readonly dockerfile: string
  readonly args: Readonly<Record<string, string>>
  readonly target?: string
}

export interface ImageSource {
  readonly _tag: "Image"
  readonly image: ImageReference
}

export interface Health {
  /** How long a container without a HEALTHCHECK must have been running to count as healthy. */
  readonly runningFor: Duration.Duration
  /** How long a container may take to become healthy. */
  readonly timeout: Duration.Duration
}

/** One deployable container definition. */
export interface Service {
  readonly name: string
  readonly source: BuildSource | ImageSource
  /** Names of servers, in the order of the file. */
  readonly hosts: ReadonlyArray<string>
  readonly ports: ReadonlyArray<string>
  readonly volumes: ReadonlyArray<string>
  readonly environment: {
    readonly clear: Readonly<Record<string, string>>
    readonly secrets: ReadonlyArray<string>
  }
  readonly command?: ReadonlyArray<string>
  /** How many versions of its image are kept on a server. */
  readonly retain: number
  readonly health: Health
}

/** One deploy.yml with its environment laid over it: decoded, checked, defaults filled in. */
export interface Project {
  readonly name: string
  /** The value of `-e`. */
  readonly environment?: string
  /** The folder that holds `.jiji`. Absolute. */
  readonly root: string
  readonly engine: Engine
  readonly registry: RegistryConfig
  /** In the order of the file; only those that a service of this project runs on. */
  readonly servers: ReadonlyArray<Server>
  readonly services: ReadonlyArray<Service>
  /** In the order of the file; absent where there are none. */
  readonly hooks?: ReadonlyArray<Hook>
}
