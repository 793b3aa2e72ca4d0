import { Option, Schema } from "effect"
import { cut, oneLine } from "../../core/text.ts"

/** What somebody who holds a lock says about it, for all users of a server. */
const Said = Schema.Struct({
  user: Schema.String,
  /** The operator's machine. */
  machine: Schema.String,
  run: Schema.String,
  /** What the run does, such as `deploy`. */
  command: Schema.String,
  message: Schema.optionalKey(Schema.String)
})

/** What a lock tells others about its holder. */
export type Said = typeof Said.Type

/** Who holds a lock: a run that is going on, or somebody with `jiji lock`. Times are in milliseconds since 1970. */
export const Holder = Schema.Struct({
  ...Said.fields,
  kind: Schema.Literals(["run", "mark"]),
  since: Schema.Finite,
  /** Absent for a run: its lock ends with it. */
  until: Schema.optionalKey(Schema.Finite),
  /** The id of a lock of `jiji lock`. */
  id: Schema.optionalKey(Schema.String)
})
export type Holder = typeof Holder.Type

const decodeSaid = Schema.decodeUnknownOption(Schema.fromJsonString(Said))

/** A short text that is safe to print, whatever another user wrote. */
export const tame = (text: string, maxLength = 200): string => cut(oneLine(text), maxLength)

/** Encodes what a lock says, in characters that a shell leaves alone. */
export const encodeSaid = (said: Said): string => Buffer.from(JSON.stringify(said)).toString("base64url")

/** Encodes whose lock it is, for comparison. */
export const encodeOwner = ({ machine, user }: Pick<Said, "user" | "machine">): string =>
  Buffer.from(`${user}@${machine}`).toString("base64url")

const readSaid = (payload: string): Said => {
  const text = /^[\w-]+$/.test(payload) ? Buffer.from(payload, "base64url").toString() : ""
  const said = Option.getOrUndefined(decodeSaid(text))
  if (said === undefined) return { user: "somebody", machine: "an unknown machine", run: "", command: "" }
  const { message } = said
  return {
    user: tame(said.user, 100),
    machine: tame(said.machine, 100),
    run: tame(said.run, 50),
    command: tame(said.command, 50),
    ...(message !== undefined && { message: tame(message) })
  }
}

/** A time of a server's clock, in this machine's clock. */
const timeOf = (seconds: string, serverNow: string, now: number): number => {
  const time = now + (Number(seconds) - Number(serverNow)) * 1000
  return Number.isSafeInteger(Math.round(time)) ? Math.round(time) : now
}

/**
 * Reads who holds a lock from the words of a script: `run NOW SINCE PAYLOAD`, `mark NOW SINCE EXPIRES ID PAYLOAD`. `now` is this
 * machine's time. Undefined for other words.
 */
export const readHolder = (words: string, now: number): Holder | undefined => {
  const [kind, serverNow = "", since = serverNow, ...rest] = words.trim().split(" ")
  if (kind === "run") {
    return { kind, ...readSaid(rest[0] ?? ""), since: timeOf(since, serverNow, now) }
  }
  if (kind !== "mark") return undefined
  const [expires = serverNow, id = "", payload = ""] = rest
  return {
    kind,
    ...readSaid(payload),
    since: timeOf(since, serverNow, now),
    until: timeOf(expires, serverNow, now),
    id: tame(id, 50)
  }
}

/** A time as in the sentences about locks, which others may read in another zone. */
export const untilText = (millis: number): string =>
  `${new Date(millis).toISOString().slice(0, 16).replace("T", " ")} UTC`

/** `alice on laptop`. */
export const whose = ({ machine, user }: Pick<Said, "user" | "machine">): string => `${user} on ${machine}`

/** What somebody does with a project on some servers, in one sentence without a period. */
export const holderText = (project: string, servers: string, holder: Holder): string => {
  const since = `since ${untilText(holder.since)}`
  if (holder.kind === "run") {
    const command = holder.command === "" ? "is changing" : `is running ${holder.command} of`
    const run = holder.run === "" ? "" : ` (run ${holder.run})`
    return `${whose(holder)} ${command} ${project} on ${servers} ${since}${run}; the lock ends with that run`
  }
  const message = holder.message === undefined ? "" : `: ${holder.message}`
  return `${whose(holder)} has locked ${project} on ${servers} ${since} until ${untilText(holder.until ?? holder.since)}${message}`
}
