import { createHash } from "node:crypto"
import { Option, Redacted, Schema } from "effect"
import type { Service } from "../config/Project.ts"

/** Short hashes of what a container is made from beside its image, part by part, to say which part differs. */
const Parts = Schema.Struct({
  ports: Schema.String,
  volumes: Schema.String,
  command: Schema.String,
  environment: Schema.Record(Schema.String, Schema.String),
  secrets: Schema.Record(Schema.String, Schema.String)
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

/** The configuration of a service's container. */
export const configurationOf = (
  service: Service,
  secrets: ReadonlyMap<string, Redacted.Redacted<string>>
): Configuration => {
  const values = service.environment.secrets.map((name) => {
    const value = secrets.get(name)
    return [name, value === undefined ? null : Redacted.value(value)] as const
  })
  const { command = null, environment, ports, volumes } = service
  const clear = Object.entries(environment.clear)
  const parts: Parts = {
    ports: short(ports),
    volumes: short(volumes),
    command: short(command),
    environment: shortEach(clear),
    secrets: shortEach(values)
  }
  const all = [ports, volumes, clear.sort(), values.sort(), command]
  return { hash: digest(all, 32), parts: JSON.stringify(parts) }
}

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Parts))

/** More names than a person would read. */
const maxNames = 10

// Anyone who may start containers on the server can write the names in a label.
const variable = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/

const listNames = (names: ReadonlyArray<string>): string =>
  names.length <= maxNames
    ? names.join(", ")
    : `${names.slice(0, maxNames - 1).join(", ")} and ${names.length - maxNames + 1} more`

const changedNames = (
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>
): ReadonlyArray<string> =>
  [...new Set([...Object.keys(after), ...Object.keys(before).filter((name) => variable.test(name))])]
    .filter((name) => before[name] !== after[name])
    .sort()

/**
 * What differs between two configurations, by their parts: `ports`, `environment: LOG`, `secrets: DATABASE_URL`. Names
 * no values. A container with no valid parts, such as one that an older jiji made, differs in its `configuration`.
 */
export const differences = (before: string, after: string): ReadonlyArray<string> => {
  const [old, next] = [decode(before), decode(after)]
  if (Option.isNone(old) || Option.isNone(next)) return ["configuration"]
  const names = (["environment", "secrets"] as const).flatMap((part) => {
    const changed = changedNames(old.value[part], next.value[part])
    return changed.length === 0 ? [] : [`${part}: ${listNames(changed)}`]
  })
  const whole = (["ports", "volumes", "command"] as const).filter((part) => old.value[part] !== next.value[part])
  const all = [...whole, ...names]
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
