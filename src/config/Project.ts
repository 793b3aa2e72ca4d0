import type { Duration, Redacted } from "effect"
import type { ContainerSettings } from "./containerSettings.ts"
import type { StatusRange } from "./health.ts"
import type { Hook } from "./hooks.ts"
import type { ImageReference } from "./ImageReference.ts"
import type { MountedFile } from "./mountedFiles.ts"
import type { Trigger } from "./Trigger.ts"

/** The program that builds and runs containers. */
export type Engine = "docker" | "podman"

/**
 * A value that deploy.yml contains literally, as the name of a secret (`ALL_CAPS`), or as a command that prints it
 * (`$(command)`). `key` is the key that has the command, such as `builder.registry.password`.
 */
export type SecretRef =
  | { readonly _tag: "Name"; readonly name: string }
  | { readonly _tag: "Command"; readonly key: string; readonly command: Redacted.Redacted<string> }
  | { readonly _tag: "Literal"; readonly value: Redacted.Redacted<string> }

/** `type: local`: servers pull images from this machine through the SSH connection. */
export interface LocalRegistryConfig {
  readonly type: "local"
  readonly port: number
  /** The container that runs the registry. If absent, jiji serves the images itself. */
  readonly container?: { readonly image: string }
}

/** A registry server to which images are pushed, and from which servers pull. */
export interface RemoteRegistryConfig {
  readonly type: "remote"
  /** `host[:port]`, such as `ghcr.io`. */
  readonly server: string
  /** Used in image names instead of `username`. */
  readonly namespace?: string
  readonly username?: SecretRef
  readonly password?: SecretRef
}

export type RegistryConfig = LocalRegistryConfig | RemoteRegistryConfig

/** What to do with a host key that is not in known_hosts: reject it, or add it. A changed key is always rejected. */
export type HostKeys = "strict" | "accept-new"

/** A server to deploy to, with the defaults of `ssh:` filled in. Paths are absolute. */
export interface Server {
  readonly name: string
  readonly host: string
  /** If absent, the user of ~/.ssh/config or else the local user. */
  readonly user?: string
  /** If absent, the port of ~/.ssh/config or else 22. */
  readonly port?: number
  /** Private key files. If empty, the agent, ~/.ssh/config and the default identities are used. */
  readonly keys: ReadonlyArray<string>
  /** The passphrase of the keys. */
  readonly passphrase?: SecretRef
  /** The jump host, as `[user@]host[:port]`. */
  readonly proxy?: string
  readonly hostKeys: HostKeys
  /** The known_hosts file. With accept-new, jiji adds keys to it. */
  readonly knownHosts: string
  readonly connectTimeout: Duration.Duration
  /** The settings that deploy.yml leaves out. ~/.ssh/config may set them; otherwise the values here apply. */
  readonly defaults?: ReadonlyArray<"hostKeys" | "knownHosts" | "connectTimeout">
  /** The architecture to build images for, such as `amd64`. If absent, the architecture of the machine that builds. */
  readonly arch?: string
}

/** Build the image from a Dockerfile. */
export interface BuildSource {
  readonly _tag: "Build"
  /** The absolute path of the build context. */
  readonly context: string
  /** The absolute path of the Dockerfile. */
  readonly dockerfile: string
  readonly args: Readonly<Record<string, string>>
  readonly target?: string
  /** Such as `linux/arm64`. If absent, the architectures of the service's servers. */
  readonly platforms?: ReadonlyArray<string>
  /** Build every step again. */
  readonly noCache?: boolean
  /** Pull base images that this machine has. */
  readonly pull?: boolean
  /** Image names, or `type=…` as BuildKit takes it. */
  readonly cacheFrom?: ReadonlyArray<string>
  readonly cacheTo?: ReadonlyArray<string>
  /** Names of secrets. The Dockerfile mounts each with `RUN --mount=type=secret,id=NAME`. */
  readonly secrets?: ReadonlyArray<string>
  /** Whether the Dockerfile may use the SSH agent of this machine. */
  readonly ssh?: boolean
}

/** Run an existing image. */
export interface ImageSource {
  readonly _tag: "Image"
  readonly image: ImageReference
}

/** What the proxy asks a new container for, to see whether it is healthy. */
export interface HealthRequest {
  /** Such as `/up`. */
  readonly path: string
  /** The statuses of healthy answers. */
  readonly status: StatusRange
  /** The time between two requests. */
  readonly interval: Duration.Duration
}

/** When a new container counts as healthy. */
export interface Health {
  /** How long a container without a HEALTHCHECK must run to count as healthy. */
  readonly runningFor: Duration.Duration
  /** How long a container may take to become healthy. */
  readonly timeout: Duration.Duration
  /** If absent, a container behind the proxy only has to accept a connection. */
  readonly request?: HealthRequest
}

/** What runs once before the containers of a service are replaced. */
export interface Release {
  /** The words of the command. */
  readonly command: ReadonlyArray<string>
  /** How long it may take. */
  readonly timeout: Duration.Duration
}

/** Where the certificates of a service's host names come from. */
export type Tls =
  /** From an ACME server. */
  | { readonly _tag: "Auto" }
  /** There are none: plain HTTP. */
  | { readonly _tag: "Off" }
  /** Names of the secrets with a certificate and its key. */
  | { readonly _tag: "Certificate"; readonly certificate: string; readonly key: string }

/** How the proxy serves a service. */
export interface ServiceProxy {
  readonly hosts: ReadonlyArray<string>
  /** The container's port. */
  readonly port: number
  /** Starts with `/`, and ends with it only if it is nothing else. */
  readonly path: string
  /** Whether the path is removed from requests. */
  readonly strip: boolean
  readonly tls: Tls
  /** The largest body of a request, in bytes. */
  readonly maxBody?: number
  /** How long the container may take until its answer begins. */
  readonly responseTimeout: Duration.Duration
}

/** The proxy of the project's servers. */
export interface ProxyConfig {
  /** If absent, the image that the server's proxy has, or the default. */
  readonly image?: ImageReference
  /** The ports on the server. */
  readonly http: number
  readonly https: number
  readonly email?: string
  /** The directory of an ACME server. */
  readonly acme?: string
}

/** A container to deploy. */
export interface Service {
  readonly name: string
  readonly source: BuildSource | ImageSource
  /** The names of its servers, in the order of the file. */
  readonly hosts: ReadonlyArray<string>
  /** Published ports, as `[address:][host:]container[/protocol]`. */
  readonly ports: ReadonlyArray<string>
  /** Volumes, as `source:target[:options]`. The names of volumes begin with the project's name. */
  readonly volumes: ReadonlyArray<string>
  readonly environment: {
    readonly clear: Readonly<Record<string, string>>
    /** Names of secrets. Each becomes the variable of the same name. */
    readonly secrets: ReadonlyArray<string>
  }
  /** The words of the command. If absent, the image's own command runs. */
  readonly command?: ReadonlyArray<string>
  /** The words of the command that `jiji console` runs. */
  readonly console?: ReadonlyArray<string>
  /** The services that must be healthy on a server before this one is replaced there. Absent if there are none. */
  readonly dependsOn?: ReadonlyArray<string>
  /** Small files that the container finds at fixed paths. If absent, there are none. */
  readonly files?: ReadonlyArray<MountedFile>
  /** Settings of the container, by their names in deploy.yml. If absent, none is set. */
  readonly settings?: ContainerSettings
  readonly release?: Release
  /** How many versions of its image to keep on a server. */
  readonly retain: number
  /** How many containers run on each of its servers. If absent, one. */
  readonly replicas?: number
  readonly health: Health
  /** How long requests to the old container may take to end after the switch. If absent, 30 seconds. */
  readonly drain?: Duration.Duration
  /** If absent, the proxy does not serve it. */
  readonly proxy?: ServiceProxy
}

/** In which order a deploy goes through the servers. */
export interface Rollout {
  readonly strategy: "parallel" | "rolling"
  /** How many servers of a rolling deploy go at the same time. If absent, 1. */
  readonly batch?: number
  /** How many servers go first, on their own. */
  readonly canary?: number
}

/** A project as `load` returns it: deploy.yml merged with the environment's file, validated, and with defaults. */
export interface Project {
  readonly name: string
  /** The name of the environment (`-e`), if any. */
  readonly environment?: string
  /** The absolute path of the project's folder, which contains `.jiji`. */
  readonly root: string
  readonly engine: Engine
  /** The machine that builds images: one of the servers, or another one with the name `builder`. If absent, this machine. */
  readonly builder?: Server
  readonly registry: RegistryConfig
  /** If absent, the defaults. */
  readonly proxy?: ProxyConfig
  /** In the order of the file. Servers without a service are left out. */
  readonly servers: ReadonlyArray<Server>
  /** The names of the servers that no service uses. Absent if there are none. */
  readonly unusedServers?: ReadonlyArray<string>
  readonly services: ReadonlyArray<Service>
  /** If absent, all servers at the same time. */
  readonly rollout?: Rollout
  /** In the order of the file. Absent if there are none. */
  readonly hooks?: ReadonlyArray<Hook>
  /** What starts runs in `jiji serve`, in the order of the file. Absent if there are none. */
  readonly triggers?: ReadonlyArray<Trigger>
}
