import { type Hook, type HookEvent, hookEvents } from "../../config/hooks.ts"
import type { Project } from "../../config/Project.ts"
import { matchEnds } from "../../config/wildcard.ts"
import type { Event } from "../../core/Event.ts"
import { doesWork } from "../../reporters/eventLine.ts"
import { formatDuration } from "../../core/units.ts"

const named: ReadonlyMap<string, HookEvent> = new Map(
  // Object.entries knows no narrower keys than strings.
  Object.entries(hookEvents).map(([name, tag]) => [tag, name as HookEvent])
)

/** What deploy.yml calls an event, of those that hooks can be told of. */
export const nameOf = (event: Event): HookEvent | undefined => named.get(event._tag)

/** Whether a path is what a pattern is of. */
const isOf = (only: string, path: string): boolean => matchEnds(only, path, "/").at(-1) === path.length

/** Whether a hook is told of an event. */
export const isTold = ({ on, only }: Hook, event: Event): boolean => {
  const name = nameOf(event)
  if (name === undefined || !on.includes(name)) return false
  if (name.startsWith("run.")) return true
  if (only !== undefined) return isOf(only, event.path)
  return !("kind" in event) || doesWork(event)
}

const outcomes: Readonly<Record<string, string>> = {
  Succeeded: "succeeded",
  Failed: "failed",
  Interrupted: "interrupted",
  Skipped: "skipped"
}

const outcomeOf = (event: Event): string | undefined => outcomes[event._tag.replace(/^(?:Run|Step)/u, "")]

/** How long it took, of what has ended. A retry has the time until it begins. */
const took = (event: Event): number | undefined =>
  "millis" in event && event._tag !== "StepRetried" ? event.millis : undefined

/** One sentence about an event, for people. */
const sentence = (event: Event, { environment, name }: Project): string => {
  const where = event._tag.startsWith("Run")
    ? `${event.path} of ${name}${environment === undefined ? "" : ` (${environment})`}`
    : event.path
  const what = outcomeOf(event) ?? nameOf(event)?.split(".")[1] ?? ""
  const millis = took(event)
  const time = millis === undefined ? "" : ` after ${formatDuration(millis)}`
  const why =
    "failures" in event
      ? event.failures.map(({ message }) => message).join(" ")
      : "reason" in event
        ? event.reason
        : "text" in event
          ? event.text
          : ""
  return `${where} ${what}${time}${why === "" ? "" : `: ${why}`}`
}

/** Characters of a variable: one of more than 128 KiB cannot be given to a program at all. */
const longest = 8_000

/** The variables that tell a hook of an event. `version` is that of the run, once it is known. */
export const variables = (
  hook: Hook,
  event: Event,
  project: Project,
  version: string | undefined
): Readonly<Record<string, string>> => {
  const millis = took(event)
  const all: Readonly<Record<string, string | undefined>> = {
    JIJI_EVENT: nameOf(event),
    JIJI_HOOK: hook.name,
    JIJI_RUN: event.run,
    JIJI_PROJECT: project.name,
    JIJI_ENVIRONMENT: project.environment ?? "",
    JIJI_VERSION: version ?? "",
    JIJI_PATH: event.path,
    JIJI_OUTCOME: outcomeOf(event) ?? "",
    JIJI_MILLIS: millis === undefined ? "" : String(millis),
    JIJI_MESSAGE: sentence(event, project)
  }
  return Object.fromEntries(
    // A failure may quote what a server wrote, and no variable can hold a NUL byte.
    Object.entries(all).map(([key, value = ""]) => [key, value.replaceAll("\0", "").slice(0, longest)])
  )
}
