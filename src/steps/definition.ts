import { createHash } from "node:crypto"
import { hostname } from "node:os"
import { deflateRawSync, inflateRawSync } from "node:zlib"
import { Duration, Effect, Option, Redacted, Schema, SchemaTransformation } from "effect"
import { type ContainerSettings, Settings } from "../config/containerSettings.ts"
import * as ImageReference from "../config/ImageReference.ts"
import type { MountedFile } from "../config/mountedFiles.ts"
import type { Service } from "../config/Project.ts"
import { CurrentRun } from "../core/Events.ts"
import type { KeptContainer } from "../layers/docker/kept/keptContainers.ts"
import { localUser } from "../layers/ssh/localUser.ts"

const Millis = Schema.Finite.pipe(
  Schema.decodeTo(
    Schema.Duration,
    SchemaTransformation.transform({ decode: Duration.millis, encode: Duration.toMillis })
  )
)

const optional = Schema.optionalKey
const Texts = Schema.Array(Schema.String)
const TextByName = Schema.Record(Schema.String, Schema.String)

/** A file of the container: the name of a secret, or a file of the project, whose content is kept apart. */
const File = Schema.Struct({
  target: Schema.String,
  mode: Schema.String,
  secret: optional(Schema.String),
  path: optional(Schema.String),
  sha256: optional(Schema.String)
})

/** A service as it runs, without the values of its secrets. */
const Configuration = Schema.Struct({
  ports: Texts,
  volumes: Texts,
  environment: Schema.Struct({ clear: TextByName, secrets: Texts }),
  command: optional(Texts),
  dependsOn: optional(Texts),
  files: optional(Schema.Array(File)),
  settings: optional(Schema.Record(Schema.String, Schema.Json)),
  retain: Schema.Int,
  replicas: optional(Schema.Int),
  health: Schema.Struct({
    runningFor: Millis,
    timeout: Millis,
    request: optional(
      Schema.Struct({
        path: Schema.String,
        status: Schema.Struct({ from: Schema.Int, to: Schema.Int }),
        interval: Millis
      })
    )
  }),
  drain: optional(Millis),
  proxy: optional(
    Schema.Struct({
      hosts: Texts,
      port: Schema.Int,
      path: Schema.String,
      strip: Schema.Boolean,
      tls: Schema.Union([
        Schema.TaggedStruct("Auto", {}),
        Schema.TaggedStruct("Off", {}),
        Schema.TaggedStruct("Certificate", { certificate: Schema.String, key: Schema.String })
      ]),
      maxBody: optional(Schema.Int),
      responseTimeout: Millis
    })
  )
})

/**
 * What a container was created from, in its label `jiji.definition`. A rollback creates a container from the same. It names
 * secrets, but has no values of them.
 */
const Definition = Schema.Struct({
  v: Schema.Literal(1),
  /** The name that the image runs under. */
  image: ImageReference.FromString,
  digest: Schema.String,
  version: Schema.String,
  /** Whether jiji built the image. */
  built: Schema.Boolean,
  service: Configuration,
  /** The deploy that was the first to start it. A rollback does not change it. */
  deployed: Schema.Struct({
    run: Schema.String,
    by: Schema.String,
    /** In ISO 8601. */
    at: Schema.String,
    commit: optional(Schema.String)
  }),
  /** The record of what ran before it; absent if nothing did, or if jiji does not know. */
  before: optional(Schema.String),
  /** The records of the other services on the server at the time of the deploy, by the service. */
  beside: TextByName
})
export type Definition = typeof Definition.Type

/** A definition with its id. */
export interface KnownDefinition {
  /** The same for the same image and configuration. */
  readonly id: string
  readonly definition: Definition
  /** As in the label. */
  readonly json: string
}

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Definition))
const encode = Schema.encodeSync(Definition)

/** Longer lines of a file with labels would be too long for docker's client. */
const maxLabel = 60_000
/** The most that the contents of a version's files may need in labels. */
const maxFiles = 300_000

/** Labels are read only if they are ASCII. */
export const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

const sha256 = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex")

const idOf = ({
  built,
  digest,
  image,
  service,
  version
}: Readonly<Record<"built" | "digest" | "image" | "service" | "version", unknown>>): string =>
  sha256(JSON.stringify([image, digest, version, built, service])).slice(0, 12)

const fileOf = ({ mode, source, target }: MountedFile): typeof File.Type =>
  source._tag === "Secret"
    ? { target, mode, secret: source.name }
    : { target, mode, path: source.path, sha256: sha256(Redacted.value(source.content)) }

/** What of a service is kept. */
const configurationOf = (service: Service): typeof Configuration.Type => {
  const { command, dependsOn, drain, environment, files, health, ports, proxy, replicas, retain, volumes } = service
  // It consists of texts, numbers, Booleans, lists and maps.
  const settings = service.settings as Readonly<Record<string, Schema.Json>> | undefined
  return {
    ports,
    volumes,
    environment,
    retain,
    health,
    ...(command && { command }),
    ...(dependsOn && { dependsOn }),
    ...(files && { files: files.map(fileOf) }),
    ...(settings && { settings }),
    ...(replicas !== undefined && { replicas }),
    ...(drain && { drain }),
    ...(proxy && { proxy })
  }
}

/** Who runs jiji, as `USER@MACHINE`. */
const whoRuns = (): string => [localUser(), hostname()].map((name) => name.replace(/\p{Cc}+/gu, " ")).join("@")

/** Describes what a deploy is about to start. */
export const define = Effect.fnUntraced(function* (options: {
  readonly service: Service
  readonly image: ImageReference.ImageReference
  readonly digest: string
  readonly version: string
  readonly built: boolean
  /** When, in milliseconds since 1970. */
  readonly now: number
  readonly commit?: string
  readonly before?: string
  readonly beside: Readonly<Record<string, string>>
}) {
  const { before, beside, built, commit, digest, image, now, service, version } = options
  const definition: Definition = {
    v: 1,
    image,
    digest,
    version,
    built,
    service: configurationOf(service),
    deployed: {
      run: yield* CurrentRun,
      by: whoRuns(),
      at: new Date(now).toISOString(),
      ...(commit !== undefined && { commit })
    },
    ...(before !== undefined && { before }),
    beside
  }
  const encoded = encode(definition)
  const known: KnownDefinition = { id: idOf(encoded), definition, json: asciiJson(encoded) }
  return known
})

const decodeSettings = Schema.decodeUnknownOption(Settings)

/** The part of a definition that its id depends on, as it was written. A newer jiji may have added fields. */
const decodeHashed = Schema.decodeUnknownOption(
  Schema.fromJsonString(
    Schema.Struct({
      image: Schema.Unknown,
      digest: Schema.Unknown,
      version: Schema.Unknown,
      built: Schema.Unknown,
      service: Schema.Unknown
    })
  )
)

/** How far the clocks of two machines that deploy may differ. */
const maxAhead = 60 * 60 * 1000

/** Whether jiji can have written this time. Times are compared as texts, so it must have exactly this form. */
const isTime = (at: string, now: number): boolean => {
  const time = Date.parse(at)
  return !Number.isNaN(time) && new Date(time).toISOString() === at && time <= now + maxAhead
}

/**
 * Reads a definition from labels. Undefined if they have none, or one that jiji cannot have written: anyone who may start
 * containers on the server can write labels.
 */
export const readDefinition = (
  labels: { readonly record?: string; readonly definition?: string },
  now = Date.now()
): KnownDefinition | undefined => {
  const { definition: json, record: id } = labels
  if (id === undefined || json === undefined) return undefined
  const hashed = Option.getOrUndefined(decodeHashed(json))
  const definition = Option.getOrUndefined(decode(json))
  if (hashed === undefined || definition === undefined || idOf(hashed) !== id) return undefined
  if (!isTime(definition.deployed.at, now)) return undefined
  if (Option.isNone(decodeSettings(definition.service.settings ?? {}))) return undefined
  return { id, definition, json }
}

/** The labels of a container with a definition. A definition that is too long is left out: no rollback goes to it. */
export const definitionLabels = ({ id, json }: KnownDefinition): Readonly<Record<string, string>> =>
  json.length > maxLabel ? {} : { "jiji.record": id, "jiji.definition": json }

/** The name of the container that holds a version. No name of a service has a dot. */
export const keptName = (project: string, service: string, id: string): string => `${project}-${service}.${id}`

/** The labels of the container that holds a version. Of the contents of its files, those that are known and not too long. */
export const keptLabels = (
  name: string,
  known: KnownDefinition,
  service?: Service
): Readonly<Record<string, string>> => {
  const contents = (service?.files ?? []).flatMap(({ source, target }) =>
    source._tag === "Secret" ? [] : [[target, Buffer.from(Redacted.value(source.content)).toString("base64")]]
  )
  const packed =
    contents.length === 0 ? "" : deflateRawSync(JSON.stringify(Object.fromEntries(contents))).toString("base64")
  const pieces = packed.length > maxFiles ? [] : (packed.match(new RegExp(`.{1,${maxLabel}}`, "g")) ?? [])
  return {
    "jiji.service": name,
    "jiji.version": known.definition.version,
    "jiji.digest": known.definition.digest,
    ...definitionLabels(known),
    ...Object.fromEntries(pieces.map((piece, index) => [`jiji.files.${index}`, piece]))
  }
}

const decodeContents = Schema.decodeUnknownOption(Schema.fromJsonString(TextByName))

/** Whoever may start containers on the server can write labels, so what they say must not fill the memory. */
const maxContents = 64 * 1024 * 1024

const unpack = (packed: string): Readonly<Record<string, string>> => {
  try {
    const json = inflateRawSync(Buffer.from(packed, "base64"), { maxOutputLength: maxContents }).toString()
    return Option.getOrElse(decodeContents(json), () => ({}))
  } catch {
    return {}
  }
}

/** The contents of the files that a kept container has, by their paths in the container. */
export const keptFiles = ({ labels }: Pick<KeptContainer, "labels">): ReadonlyMap<string, Uint8Array> => {
  const pieces: Array<string> = []
  for (let piece = labels["jiji.files.0"]; piece !== undefined; piece = labels[`jiji.files.${pieces.length}`]) {
    pieces.push(piece)
  }
  if (pieces.length === 0) return new Map()
  return new Map(
    Object.entries(unpack(pieces.join(""))).map(([target, content]) => [target, Buffer.from(content, "base64")])
  )
}

/** The service of a definition, and the project's files whose contents are missing. */
export const serviceOf = (
  name: string,
  { definition }: KnownDefinition,
  contents: ReadonlyMap<string, Uint8Array>
): { readonly service: Service; readonly missing: ReadonlyArray<string> } => {
  const { digest, image, service } = definition
  const { files = [], settings, ...rest } = service
  const found = files.map(({ mode, path, secret, sha256: sum, target }) => {
    if (secret !== undefined) {
      const file: MountedFile = { source: { _tag: "Secret", name: secret }, target, mode }
      return { file }
    }
    const content = contents.get(target)
    if (content === undefined || sha256(content) !== sum) return { missing: path ?? target }
    const file: MountedFile = {
      source: { _tag: "Project", path: path ?? "", content: Redacted.make(content) },
      target,
      mode
    }
    return { file }
  })
  const known: ContainerSettings = Option.getOrElse(decodeSettings(settings ?? {}), () => ({}))
  const { path, registry } = image
  return {
    missing: found.flatMap(({ missing }) => missing ?? []),
    service: {
      ...rest,
      name,
      hosts: [],
      ...(Object.keys(known).length > 0 && { settings: known }),
      ...(files.length > 0 && { files: found.flatMap(({ file }) => file ?? []) }),
      // Another image may have this name now.
      source: {
        _tag: "Image",
        image: definition.built ? image : { path, ...(registry !== undefined && { registry }), digest }
      }
    }
  }
}
