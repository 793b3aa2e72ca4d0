import { Effect, Schema } from "effect"
import { isIPv4 } from "node:net"
import type { Engine } from "../../config/Project.ts"
import { isTag } from "../../config/ImageReference.ts"

/** docker prints ids with the algorithm, podman without it. */
const withAlgorithm = (id: string): string => (id.startsWith("sha256:") ? id : `sha256:${id}`)

const Image = Schema.Struct({
  Id: Schema.String,
  Architecture: Schema.String,
  Size: Schema.Int,
  RepoDigests: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
  Config: Schema.optionalKey(
    Schema.NullOr(
      Schema.Struct({ Volumes: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown))) })
    )
  )
})

/** An image, as reported by the engine. */
export interface InspectedImage {
  readonly id: string
  readonly architecture: string
  /** The uncompressed size in bytes. */
  readonly size: number
  /** `repository@digest` for each repository from which it was pulled or to which it was pushed. */
  readonly repoDigests: ReadonlyArray<string>
  /** Where its containers get volumes of their own. Absent if there are none. */
  readonly volumes?: ReadonlyArray<string>
}

const Binding = Schema.Struct({
  HostIp: Schema.optionalKey(Schema.String),
  HostPort: Schema.optionalKey(Schema.String)
})

const Container = Schema.Struct({
  Id: Schema.String,
  Name: Schema.String,
  Image: Schema.String,
  Created: Schema.optionalKey(Schema.String),
  RestartCount: Schema.optionalKey(Schema.Int),
  NetworkSettings: Schema.optionalKey(
    Schema.Struct({
      // A port that is not published has no bindings.
      Ports: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.NullOr(Schema.Array(Binding)))))
    })
  ),
  State: Schema.Struct({
    // Both engines print it. Scripted answers of tests may not.
    Status: Schema.optionalKey(Schema.String),
    // Docker says true also of a container that is paused, or that it is about to restart.
    Running: Schema.Boolean,
    StartedAt: Schema.optionalKey(Schema.String),
    ExitCode: Schema.optionalKey(Schema.Int),
    Health: Schema.optionalKey(Schema.NullOr(Schema.Struct({ Status: Schema.String })))
  }),
  Config: Schema.Struct({
    Labels: Schema.NullOr(Schema.Record(Schema.String, Schema.String)),
    StopTimeout: Schema.optionalKey(Schema.NullOr(Schema.Finite))
  }),
  HostConfig: Schema.optionalKey(
    Schema.Struct({
      RestartPolicy: Schema.Struct({
        Name: Schema.String,
        MaximumRetryCount: Schema.optionalKey(Schema.NullOr(Schema.Int))
      })
    })
  )
})

/** A container of a project, as reported by the engine. `service` and what follows are jiji's labels. */
export interface InspectedContainer {
  readonly id: string
  readonly name: string
  readonly imageId: string
  /** Such as `running`, `restarting`, `paused`, `exited`. */
  readonly status?: string
  /** The `status` is `running`. */
  readonly running: boolean
  /** Runs, and its health check does not fail. It may not have passed yet. */
  readonly healthy: boolean
  /** Such as `no`, `always`, `unless-stopped`, `on-failure:5`. */
  readonly restartPolicy?: string
  /** The restart policy that deploy.yml contained when the container was created. Empty or absent for the default. */
  readonly restart?: string
  /** The seconds that it gets to stop, if it has its own. */
  readonly stopTimeout?: number
  readonly service: string
  readonly digest: string
  readonly config: string
  readonly parts: string
  readonly version: string
  /** Whether the proxy serves it, as far as the deploy that started it knows. */
  readonly proxied?: true
  /** The fixed address in the network of its project. Absent for containers of older versions of jiji. */
  readonly address?: string
  /** Absent if the container has no such label: an older jiji made it. */
  readonly run?: string
  /** Who deployed it, as `USER@MACHINE`. */
  readonly by?: string
  /** The id of the definition that it was created from, and that definition: see `steps/definition.ts`. */
  readonly record?: string
  readonly definition?: string
  /** The commit that was deployed. */
  readonly commit?: string
  /** What was different from the container before, as JSON. */
  readonly because?: string
  /** What is only shown. */
  readonly about?: ContainerFacts
}

/** What an engine says of a container that a deploy does not need. Times are in ISO 8601. */
export interface ContainerFacts {
  readonly created?: string
  /** When it last started; absent if it never did. */
  readonly startedAt?: string
  /** The code that it last exited with. Of a running container, 0. */
  readonly exitCode?: number
  /** How often the engine has restarted it. */
  readonly restarts?: number
  /** Such as `healthy`, `starting`; absent without a health check. */
  readonly health?: string
  /** The published ports, as in deploy.yml: `8080:80`, `127.0.0.1:8080:80`, `53:53/udp`. */
  readonly ports: ReadonlyArray<string>
}

/** What a person calls a container's state. */
export const stateText = ({ running, status }: Pick<InspectedContainer, "running" | "status">): string => {
  if (running) return "running"
  return status === "paused" || status === "restarting" ? status : "stopped"
}

const decodeImages = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.NonEmptyArray(Image)))
const decodeOneImage = Schema.decodeUnknownEffect(Schema.fromJsonString(Image))
const decodeInspected = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(Container)))
const decodeOneContainer = Schema.decodeUnknownEffect(Schema.fromJsonString(Container))

const restartPattern = /^(?:always|no|on-failure(?::\d{1,6})?)$/

/**
 * The restart policy of a container that has proved itself, as `replace.sh` sets it. `restart` is what deploy.yml says.
 * podman-restart.service starts only containers with `always` after a reboot.
 */
export const provenPolicy = (engine: Engine, restart = ""): string => {
  if (restartPattern.test(restart)) return restart
  return engine === "podman" ? "always" : "unless-stopped"
}

// Anyone who may start containers on the server can write labels. So they are short, and safe to print.
const maxLabel = 255
const maxParts = 100_000
const maxBecause = 10_000
const printable = /^[\x20-\x7e]*$/

/** One of jiji's labels; empty if it is missing, or not one that jiji wrote. */
const readLabel = (value: string | undefined, limit: number): string =>
  value !== undefined && value.length <= limit && printable.test(value) ? value : ""

const imageOf = (image: typeof Image.Type): InspectedImage => {
  const volumes = Object.keys(image.Config?.Volumes ?? {})
  return {
    id: withAlgorithm(image.Id),
    architecture: image.Architecture,
    size: image.Size,
    repoDigests: image.RepoDigests ?? [],
    ...(volumes.length > 0 && { volumes })
  }
}

const policyText = ({ MaximumRetryCount: count, Name: name }: { Name: string; MaximumRetryCount?: number | null }) =>
  // An engine's default may be an empty text.
  name === "on-failure" && typeof count === "number" && count > 0 ? `${name}:${count}` : name || "no"
/** A time as an engine prints it, in the form of JSON. */
const timeOf = (text: string | undefined): string | undefined => {
  const millis = text === undefined ? Number.NaN : Date.parse(text)
  // An engine says year 1 for never.
  return millis > 0 ? new Date(millis).toISOString() : undefined
}

const isAny = (address: string | undefined): boolean => address === undefined || ["", "0.0.0.0", "::"].includes(address)

/** docker publishes a port twice, for IPv4 and IPv6. */
const portsOf = ({ NetworkSettings }: typeof Container.Type): ReadonlyArray<string> => {
  const all = Object.entries(NetworkSettings?.Ports ?? {}).flatMap(([port, bindings]) =>
    (bindings ?? []).map(({ HostIp, HostPort = "" }) => {
      const address = isAny(HostIp) ? "" : `${HostIp}:`
      return readLabel(`${address}${HostPort}:${port.replace(/\/tcp$/, "")}`, maxLabel)
    })
  )
  return [...new Set(all.filter((port) => port !== ""))]
}

const factsOf = (container: typeof Container.Type): ContainerFacts => {
  const { Created, RestartCount, State } = container
  const [created, startedAt] = [timeOf(Created), timeOf(State.StartedAt)]
  const health = readLabel(State.Health?.Status, maxLabel)
  return {
    ...(created !== undefined && { created }),
    ...(startedAt !== undefined && { startedAt }),
    ...(State.ExitCode !== undefined && { exitCode: State.ExitCode }),
    ...(RestartCount !== undefined && { restarts: RestartCount }),
    // docker says `none` where podman says nothing.
    ...(health !== "" && health !== "none" && { health }),
    ports: portsOf(container)
  }
}

const containerOf = (container: typeof Container.Type): InspectedContainer => {
  const label = (name: string, limit = maxLabel) => readLabel(container.Config.Labels?.[`jiji.${name}`], limit)
  const status = container.State.Status ?? (container.State.Running ? "running" : "exited")
  const running = status === "running"
  const version = label("version")
  const address = label("address")
  const stopTimeout = container.Config.StopTimeout
  const [run, by, record, commit] = [label("run"), label("by"), label("record"), label("commit")]
  const [definition, because] = [label("definition", maxParts), label("because", maxBecause)]
  return {
    id: container.Id,
    name: container.Name.replace(/^\//, ""),
    imageId: withAlgorithm(container.Image),
    status,
    running,
    healthy: running && container.State.Health?.Status !== "unhealthy",
    ...(container.HostConfig && { restartPolicy: policyText(container.HostConfig.RestartPolicy) }),
    ...(label("restart") !== "" && { restart: label("restart") }),
    ...(typeof stopTimeout === "number" && stopTimeout > 0 && { stopTimeout }),
    service: label("service"),
    digest: label("digest"),
    config: label("config"),
    parts: label("parts", maxParts),
    version: isTag(version) ? version : "",
    ...(label("proxied") === "yes" && { proxied: true }),
    ...(isIPv4(address) && { address }),
    ...(run !== "" && { run }),
    ...(by !== "" && { by }),
    ...(record !== "" && { record }),
    ...(definition !== "" && { definition }),
    ...(commit !== "" && { commit }),
    ...(because !== "" && { because }),
    about: factsOf(container)
  }
}

/** Decodes the first image in the JSON of `image inspect`. */
export const decodeImage = (json: string): Effect.Effect<InspectedImage, Schema.SchemaError> =>
  Effect.map(decodeImages(json), ([image]) => imageOf(image))

/** Decodes an image in the JSON of docker's API. */
export const decodeApiImage = (json: string): Effect.Effect<InspectedImage, Schema.SchemaError> =>
  Effect.map(decodeOneImage(json), imageOf)

/** Decodes the containers in the JSON of `inspect`. */
export const decodeContainers = (json: string): Effect.Effect<ReadonlyArray<InspectedContainer>, Schema.SchemaError> =>
  Effect.map(decodeInspected(json), (all) => all.map(containerOf))

/** Decodes a container in the JSON of docker's API. */
export const decodeApiContainer = (json: string): Effect.Effect<InspectedContainer, Schema.SchemaError> =>
  Effect.map(decodeOneContainer(json), containerOf)
