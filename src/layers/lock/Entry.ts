import { Option, Schema } from "effect"
import { type Holder, readHolder, type Said, tame } from "./Holder.ts"

/** How what somebody did has ended. */
export type Outcome = "succeeded" | "failed" | "interrupted"

const Outcome = Schema.Literals(["succeeded", "failed", "interrupted"])

/** Who did what. */
const what = {
  run: Schema.String,
  /** When it began, in milliseconds since 1970. */
  at: Schema.Finite,
  user: Schema.String,
  machine: Schema.String,
  command: Schema.String,
  version: Schema.optionalKey(Schema.String),
  /** Absent for all services of the project. */
  services: Schema.optionalKey(Schema.Array(Schema.String)),
  message: Schema.optionalKey(Schema.String)
}

const Began = Schema.Struct({
  ...what,
  /** Whether it holds the lock as long as it runs. */
  locked: Schema.Boolean
})

type What = Omit<Began, "locked">

/** A line of the audit on a server: the beginning of something, its end, or both. */
const Line = Schema.Union([
  Schema.Struct({ v: Schema.Literal(1), t: Schema.Literal("began"), ...Began.fields }),
  Schema.Struct({
    v: Schema.Literal(1),
    t: Schema.Literal("ended"),
    run: Schema.String,
    at: Schema.Finite,
    outcome: Outcome
  }),
  Schema.Struct({ v: Schema.Literal(1), t: Schema.Literal("did"), ...what, outcome: Outcome })
])

/** What somebody begins to do. */
export type Began = typeof Began.Type

const encode = Schema.encodeSync(Schema.fromJsonString(Line))
const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Line))

/** The line for something that begins. */
export const beganLine = (began: Began): string => encode({ v: 1, t: "began", ...began })

/** The line for the end of a run. */
export const endedLine = (run: string, at: number, outcome: Outcome): string =>
  encode({ v: 1, t: "ended", run, at, outcome })

/** The line for something that takes no time. */
export const didLine = (what: What, outcome: Outcome): string => encode({ v: 1, t: "did", ...what, outcome })

/**
 * How something has ended on a server. It was `cut off` if its run held the lock there and neither holds it now nor wrote
 * how it ended; `unfinished` if nothing is known about that.
 */
const Ended = Schema.Literals(["succeeded", "failed", "interrupted", "cut off", "running", "unfinished"])
export type Ended = typeof Ended.Type

/** What somebody did, on all servers where it is known. */
export const AuditEntry = Schema.Struct({
  ...what,
  /** The worst of the servers. */
  outcome: Ended,
  /** How long it took. Absent if it has not ended. */
  millis: Schema.optionalKey(Schema.Finite),
  servers: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      /** The user on the server who wrote the entry. */
      user: Schema.String,
      outcome: Ended
    })
  )
})
export type AuditEntry = typeof AuditEntry.Type

const badness: ReadonlyArray<Ended> = ["succeeded", "running", "unfinished", "interrupted", "cut off", "failed"]

const worst = (outcomes: ReadonlyArray<Ended>): Ended =>
  outcomes.reduce((one, other) => (badness.indexOf(other) > badness.indexOf(one) ? other : one), "succeeded")

/** Makes what others wrote safe to print. */
const tamed = ({ at, command, machine, message, run, services, user, version }: What): What => ({
  at: Number.isSafeInteger(at) ? at : 0,
  run: tame(run, 50),
  user: tame(user, 100),
  machine: tame(machine, 100),
  command: tame(command, 50),
  ...(version !== undefined && { version: tame(version, 128) }),
  ...(services !== undefined && { services: services.slice(0, 100).map((name) => tame(name, 100)) }),
  ...(message !== undefined && { message: tame(message) })
})

interface Found {
  readonly began: What
  readonly locked: boolean
  readonly user: string
  readonly ended?: { readonly at: number; readonly outcome: Outcome }
}

/** Reads the lines of one server. Lines that jiji cannot read do not spoil the rest. */
const readServer = (lines: ReadonlyArray<string>, now: number): ReadonlyArray<Found & { readonly end: Ended }> => {
  const found = new Map<string, Found>()
  let holder: Holder | undefined
  for (const line of lines) {
    const [, user = "", json = ""] = /^entry (\S+) (.*)$/s.exec(line) ?? []
    if (json === "") {
      holder ??= readHolder(line, now)
      continue
    }
    const read = Option.getOrUndefined(decode(json))
    if (read === undefined) continue
    // A user can only end what the same user has begun.
    const key = JSON.stringify([user, read.run])
    const before = found.get(key)
    if (read.t === "ended") {
      const { at, outcome } = read
      if (before !== undefined) found.set(key, { ...before, ended: { at, outcome } })
    } else if (read.t === "began") found.set(key, { began: tamed(read), locked: read.locked, user })
    else {
      const began = tamed(read)
      found.set(`${key}${found.size}`, { began, locked: false, user, ended: { at: began.at, outcome: read.outcome } })
    }
  }
  return [...found.values()].map((each) => {
    const { began, ended, locked } = each
    const open = !locked ? "unfinished" : holder?.run === began.run ? "running" : "cut off"
    return { ...each, end: ended?.outcome ?? open }
  })
}

/** Merges the audits of servers, the oldest entry first. `now` is this machine's time. */
export const mergeAudit = (
  servers: ReadonlyArray<{ readonly name: string; readonly lines: ReadonlyArray<string> }>,
  now: number
): ReadonlyArray<AuditEntry> => {
  const all = servers.flatMap(({ lines, name }) => readServer(lines, now).map((found) => ({ ...found, name })))
  const byRun = Map.groupBy(all, ({ began: { at, command, machine, run, user } }) =>
    JSON.stringify([run, command, user, machine, run === "" ? at : ""])
  )
  const entries = [...byRun.values()].flatMap((group) =>
    group.slice(0, 1).map(({ began }): AuditEntry => {
      const ends = group.flatMap(({ ended }) => (ended === undefined ? [] : [ended.at]))
      const millis = Math.max(...ends) - began.at
      return {
        ...began,
        outcome: worst(group.map(({ end }) => end)),
        ...(ends.length === group.length && Number.isSafeInteger(millis) && millis >= 0 && { millis }),
        servers: group.map(({ end, name, user }) => ({ name, user, outcome: end }))
      }
    })
  )
  return entries.toSorted((one, other) => one.at - other.at)
}

/** What a run says about itself, in the audit and to those who wait for its lock. */
export const beganBy = (said: Said, at: number, more: Pick<Began, "version" | "services" | "locked">): Began => {
  const { command, machine, message, run, user } = said
  return { run, at, user, machine, command, ...more, ...(message !== undefined && { message }) }
}
