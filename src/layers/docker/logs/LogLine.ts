import type { Effect } from "effect"

/** A container whose log is read. */
export interface LoggedContainer {
  readonly id: string
  readonly name: string
  /** jiji's label. */
  readonly service: string
}

/** A line of a container's log. */
export interface ContainerLine {
  readonly container: LoggedContainer
  /** When the engine got it, in UTC, with nine decimals: such times compare as texts. */
  readonly time: string
  readonly text: string
}

/** What arrived together: containers that were found, and lines. */
export interface LogBatch {
  readonly containers: ReadonlyArray<LoggedContainer>
  readonly lines: ReadonlyArray<ContainerLine>
}

/** Which lines to read. */
export interface LogQuery {
  readonly project: string
  readonly services: ReadonlyArray<string>
  /** How many lines of each container, the last ones; all without it. */
  readonly tail?: number
  /** From this time on, as in {@link ContainerLine}. */
  readonly since?: string
  /** Up to this time. */
  readonly until?: string
}

/** Whose lines to follow. */
export interface LogFollow {
  readonly project: string
  readonly services: ReadonlyArray<string>
  /** The time of the last line that was read before, by the container's id. Lines up to it are dropped. */
  readonly from: ReadonlyMap<string, string>
}

/** The longest line, in characters. The rest of a longer one is dropped. */
export const maxLine = 64 * 1024

const utc = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/
const anyTime = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)$/

/** Reads an engine's time. Returns undefined for any other text. */
export const parseTime = (text: string): string | undefined => {
  if (utc.test(text)) return text
  const [, seconds, decimals = "", zone = ""] = anyTime.exec(text) ?? []
  const millis = seconds === undefined ? Number.NaN : Date.parse(`${seconds}${zone}`)
  return Number.isNaN(millis) ? undefined : timeOf(millis).replace(".000000000", `.${decimals.padEnd(9, "0")}`)
}

/** The time of a number of milliseconds since 1970. */
export const timeOf = (millis: number): string => new Date(millis).toISOString().replace("Z", "000000Z")

/** The time as docker's API wants it: seconds since 1970, with nine decimals. */
export const secondsOf = (time: string): string => `${Date.parse(`${time.slice(0, 19)}Z`) / 1000}${time.slice(19, 29)}`

/**
 * Returns a function that says whether a line of a container was not read before: engines repeat the last lines when jiji asks
 * again. Notes in `from` how far the container is read.
 */
export const onlyUnread = (from: Map<string, string>, id: string) => {
  const start = from.get(id) ?? ""
  return ({ time }: { readonly time: string }): boolean => {
    if (time <= start) return false
    if (time > (from.get(id) ?? "")) from.set(id, time)
    return true
  }
}

/** Whether the lines of a container are wanted. A trial only shows whether the new container can run. */
export const isLogged = (
  { project, services }: Pick<LogQuery, "project" | "services">,
  { name, service }: Pick<LoggedContainer, "name" | "service">
): boolean => {
  const own = `${project}-${service}`
  const isTrial = name.startsWith(own) && /^(?:-\d+)?-trial$/.test(name.slice(own.length))
  return services.includes(service) && !isTrial
}

/** Takes what was read. The engine is read no faster than this allows. */
export type TakeLogs = (batch: LogBatch) => Effect.Effect<void>
