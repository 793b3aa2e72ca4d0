import { createHash } from "node:crypto"
import { Option, Redacted, Schema } from "effect"
import { type ContainerSettings, settingNames } from "../config/containerSettings.ts"
import type { Service } from "../config/Project.ts"

/** Short hashes of what a container is made from beside its image, part by part, to say which part differs. */
const Parts = Schema.Struct({
  // Containers of older versions of jiji, which are in the engine's own network, do not have it.
  network: Schema.optionalKey(Schema.String),
  ports: Schema.String,
  volumes: Schema.String,
  command: Schema.String,
  // Containers of older versions of jiji do not have it.
  proxy: Schema.optionalKey(Schema.String),
  environment: Schema.Record(Schema.String, Schema.String),
  secrets: Schema.Record(Schema.String, Schema.String),
  /** By the names of the keys in deploy.yml. Absent if none is set, so that containers of older versions of jiji stay. */
  settings: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  /** By their paths in the container. Absent if there are none. */
  files: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
})
type Parts = typeof Parts.Type

/**
 * What a container is made from beside its image. Both hashes include secrets, so that short values could be guessed from
 * them: they go into the container's labels, and nowhere else.
 */
export interface Configuration {
  /** Of all of it. If it differs, the container is replaced. */
  readonly hash: string
  /** The parts' hashes as JSON. */
  readonly parts: string
}

const digest = (value: unknown, length: number): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, length)

const short = (value: unknown): string => digest(value, 8)

const shortEach = (entries: ReadonlyArray<readonly [string, unknown]>): Readonly<Record<string, string>> =>
  Object.fromEntries(entries.map(([name, value]) => [name, short(value)]))

/** How containers are connected: to the network of their project, with a fixed address. If this changes, so does the hash. */
const network = "project"
/** The settings by name. The order in maps does not matter to the container. */
const settingsOf = (settings: ContainerSettings): ReadonlyArray<readonly [string, unknown]> =>
  Object.entries(settings)
    .map(([name, value]): readonly [string, unknown] => {
      if (name === "labels") return [name, Object.entries(settings.labels ?? {}).sort()]
      if (name === "ulimits") return [name, Object.entries(settings.ulimits ?? {}).sort()]
      if (name !== "logging") return [name, value]
      return [name, [settings.logging?.driver ?? "", Object.entries(settings.logging?.options ?? {}).sort()]]
    })
    .sort()

/** The permissions and the content of each file. */
const filesOf = (
  { files = [] }: Service,
  secrets: ReadonlyMap<string, Redacted.Redacted<string>>
): ReadonlyArray<readonly [string, unknown]> =>
  files
    .map(({ mode, source, target }): readonly [string, unknown] => {
      const value: Redacted.Redacted<string | Uint8Array> | undefined =
        source._tag === "Secret" ? secrets.get(source.name) : source.content
      const content = value === undefined ? null : createHash("sha256").update(Redacted.value(value)).digest("hex")
      return [target, [mode, content]]
    })
    .sort()

/** The configuration of a service's container. */
export const configurationOf = (
  service: Service,
  secrets: ReadonlyMap<string, Redacted.Redacted<string>>
): Configuration => {
  const values = service.environment.secrets.map((name) => {
    const value = secrets.get(name)
    return [name, value === undefined ? null : Redacted.value(value)] as const
  })
  const { command = null, environment, ports, proxy, volumes } = service
  const clear = Object.entries(environment.clear)
  const settings = settingsOf(service.settings ?? {})
  const files = filesOf(service, secrets)
  const parts: Parts = {
    network,
    ports: short(ports),
    volumes: short(volumes),
    command: short(command),
    ...(proxy !== undefined && { proxy: short(proxy.port) }),
    environment: shortEach(clear),
    secrets: shortEach(values),
    ...(settings.length > 0 && { settings: shortEach(settings) }),
    ...(files.length > 0 && { files: shortEach(files) })
  }
  const all = [
    network,
    ports,
    volumes,
    clear.sort(),
    values.sort(),
    command,
    ...(settings.length > 0 ? [settings] : []),
    ...(files.length > 0 ? ["files", files] : []),
    ...(proxy === undefined ? [] : ["proxy", proxy.port])
  ]
  return { hash: digest(all, 32), parts: JSON.stringify(parts) }
}

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Parts))

/** More names than a person would read. */
const maxNames = 10

// Anyone who may start containers on the server can write the names in a label.
const variable = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/
const filePath = /^\/[\x21-\x7e]{1,254}$/

const listNames = (names: ReadonlyArray<string>): string =>
  names.length <= maxNames
    ? names.join(", ")
    : `${names.slice(0, maxNames - 1).join(", ")} and ${names.length - maxNames + 1} more`

const changedNames = (
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
  isName: RegExp
): ReadonlyArray<string> =>
  [...new Set([...Object.keys(after), ...Object.keys(before).filter((name) => isName.test(name))])]
    .filter((name) => before[name] !== after[name])
    .sort()

/**
 * What differs between two configurations, by their parts: `ports`, `environment: LOG`, `secrets: DATABASE_URL`. Names
 * no values. A container with no valid parts, such as one that an older jiji made, differs in its `configuration`.
 */
export const differences = (before: string, after: string): ReadonlyArray<string> => {
  const [old, next] = [decode(before), decode(after)]
  if (Option.isNone(old) || Option.isNone(next)) return ["configuration"]
  const named = (part: "environment" | "secrets" | "files") => {
    const changed = changedNames(old.value[part] ?? {}, next.value[part] ?? {}, part === "files" ? filePath : variable)
    return changed.length === 0 ? [] : [`${part}: ${listNames(changed)}`]
  }
  const whole = (["network", "ports", "volumes", "command", "proxy"] as const).filter(
    (part) => old.value[part] !== next.value[part]
  )
  const [had = {}, has = {}] = [old.value.settings, next.value.settings]
  const settings = settingNames.filter((name) => had[name] !== has[name])
  const all = [...whole, ...settings, ...named("files"), ...named("environment"), ...named("secrets")]
  return all.length === 0 ? ["configuration"] : all
}

/**
 * The differences between a container's parts and a service that show without the values of secrets: of these, only the names
 * are compared.
 */
export const visibleDifferences = (parts: string, service: Service): ReadonlyArray<string> => {
  const before = decode(parts)
  if (Option.isNone(before)) return ["configuration"]
  const { environment } = service
  const known = before.value.secrets
  const secrets = Object.fromEntries(environment.secrets.map((name) => [name, known[name] ?? ""]))
  const visible = Schema.decodeSync(Schema.fromJsonString(Parts))(configurationOf(service, new Map()).parts)
  const after = JSON.stringify({ ...visible, secrets })
  return after === JSON.stringify(before.value) ? [] : withoutWhole(differences(parts, after))
}

/** {@link differences} of the same parts in another order are none. */
const withoutWhole = (all: ReadonlyArray<string>): ReadonlyArray<string> =>
  all.filter((each) => each !== "configuration")
