import { Cron, DateTime, Option, Result, Schema } from "effect"
import { parseReference, parseWord, type Reference } from "./references.ts"

const optional = Schema.optionalKey

/** Patterns: `*` matches any text without `/`, `**` any text. */
const Patterns = Schema.Array(Schema.String)

/** The name of the secret that deliveries are verified with. */
const secret = Schema.String

const push = { secret, branches: Patterns, tags: Patterns }
const image = { secret, image: optional(Patterns), tags: optional(Patterns) }

/** How a run ended that starts another one. */
export const RunEvent = Schema.Literals(["run.succeeded", "run.failed", "run.interrupted"])
export type RunEvent = typeof RunEvent.Type

/** The same by the tags of events. */
export const runEvents = {
  RunSucceeded: "run.succeeded",
  RunFailed: "run.failed",
  RunInterrupted: "run.interrupted"
} as const satisfies Record<string, RunEvent>

/** The secret of triggers that name none. */
export const defaultSecret = "WEBHOOK_SECRET"

/** What starts a run: a time, a request of a known kind, or the end of another run. */
export const TriggerSource = Schema.TaggedUnion({
  Cron: { cron: Schema.String, timeZone: Schema.String },
  Webhook: { secret },
  GitHub: push,
  GitLab: push,
  Gitea: push,
  DockerHub: image,
  Registry: image,
  Event: {
    on: Schema.Array(RunEvent),
    /** The command or pipeline of the other run. If absent, any. */
    of: optional(Schema.String),
    /** The other run's project, as `jiji serve` names it. If absent, the trigger's own. */
    project: optional(Schema.String)
  }
})
export type TriggerSource = typeof TriggerSource.Type

/** The keys of sources in deploy.yml. */
export const sourceKeys = {
  Cron: "cron",
  Webhook: "webhook",
  GitHub: "github",
  GitLab: "gitlab",
  Gitea: "gitea",
  DockerHub: "docker_hub",
  Registry: "registry",
  Event: "event"
} as const satisfies Record<TriggerSource["_tag"], string>

/** What a trigger starts. Words and values of the input can be references. */
export const TriggerStart = Schema.TaggedUnion({
  Command: { words: Schema.Array(Schema.String) },
  Pipeline: { pipeline: Schema.String, input: Schema.Record(Schema.String, Schema.Unknown) }
})
export type TriggerStart = typeof TriggerStart.Type

/** Starts a run of its project when something happens. Only `jiji serve` heeds it. */
export const Trigger = Schema.Struct({ name: Schema.String, source: TriggerSource, start: TriggerStart })
export type Trigger = typeof Trigger.Type

const pushNames = ["branch", "tag", "commit", "repository", "sender"]

/** The values that jiji finds in the events of each source. */
const referenceNames: Readonly<Record<TriggerSource["_tag"], ReadonlyArray<string>>> = {
  Cron: ["time"],
  Webhook: ["id"],
  GitHub: pushNames,
  GitLab: pushNames,
  Gitea: pushNames,
  DockerHub: ["image", "tag", "sender"],
  Registry: ["image", "tag", "digest"],
  Event: ["run", "status", "project"]
}

/** Why a text is no cron line. */
export const cronFault = (line: string): string | undefined => {
  const parsed = Cron.parse(line, "UTC")
  const form = "five fields: minute, hour, day of the month, month, day of the week"
  if (line.trim().split(/\s+/u).length !== 5) return `must be a cron line of ${form}, not ${JSON.stringify(line)}`
  if (Result.isFailure(parsed)) {
    const { message } = parsed.failure
    return `is not a cron line of ${form}: ${message.charAt(0).toLowerCase()}${message.slice(1)}`
  }
  // It throws for a day that no month has.
  return Result.isFailure(Result.try(() => Cron.next(parsed.success, 0)))
    ? "never happens: its months have no such day"
    : undefined
}

/** Why a text is no time zone. */
export const timeZoneFault = (name: string): string | undefined =>
  Option.isSome(DateTime.zoneFromString(name))
    ? undefined
    : `must be a time zone such as Europe/Berlin or UTC, not ${JSON.stringify(name)}`

/** Why a reference cannot be used with a source. */
const nameFault = (source: TriggerSource["_tag"], reference: Reference): string | undefined => {
  const names = referenceNames[source]
  const known = names.map((name) => `$${name}`).join(", ")
  if (reference._tag === "Field" && source === "Cron") return `cron has no payload; use ${known}`
  if (reference._tag !== "Name" || names.includes(reference.name)) return undefined
  const fields = source === "Cron" ? "" : ", or $.field for a field of the payload"
  return `$${reference.name} is unknown; with ${sourceKeys[source]}, use ${known}${fields}`
}

/** Why a word of a command cannot be used with a source. */
export const wordFault = (source: TriggerSource["_tag"], word: string): string | undefined => {
  const parsed = parseWord(word)
  return typeof parsed === "string" ? parsed : nameFault(source, parsed.value)
}

/** Why a text in the input of a pipeline cannot be used with a source. */
export const inputFault = (source: TriggerSource["_tag"], text: string): string | undefined => {
  const parsed = parseReference(text)
  return typeof parsed === "string" ? parsed : nameFault(source, parsed)
}

/** The texts in an input, at any depth. */
const textsIn = (value: unknown): ReadonlyArray<string> => {
  if (typeof value === "string") return [value]
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : []
}

/** What is wrong with a trigger that is not from deploy.yml, whose own check names the places. */
export const triggerFault = ({ source, start }: Trigger): string | undefined => {
  if (source._tag === "Cron") {
    const cron = cronFault(source.cron)
    if (cron !== undefined) return `The line ${cron}`
    const zone = timeZoneFault(source.timeZone)
    if (zone !== undefined) return `The time zone ${zone}`
  }
  const faults =
    start._tag === "Command"
      ? start.words.map((word) => wordFault(source._tag, word))
      : textsIn(start.input).map((text) => inputFault(source._tag, text))
  return faults.find((fault) => fault !== undefined)
}
