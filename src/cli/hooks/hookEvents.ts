import { type Hook, type HookEvent, hookEvents } from "../../config/hooks.ts"
import type { Project } from "../../config/Project.ts"
import { matchEnds } from "../../config/wildcard.ts"
import type { Event } from "../../core/Event.ts"
import { doesWork } from "../../reporters/eventLine.ts"
import { formatDuration } from "../../core/units.ts"

const eventNames: ReadonlyMap<string, HookEvent> = new Map(
  // Object.entries types keys as plain strings.
  Object.entries(hookEvents).map(([name, tag]) => [tag, name as HookEvent])
)

/** The name of an event in deploy.yml; undefined if hooks cannot run on it. */
export const hookEventName = (event: Event): HookEvent | undefined => eventNames.get(event._tag)

/** Whether a pattern matches a whole path. */
const matchesPath = (pattern: string, path: string): boolean => matchEnds(pattern, path, "/").at(-1) === path.length

/** Whether a hook runs on an event. */
export const handlesEvent = ({ on, only }: Hook, event: Event): boolean => {
  const name = hookEventName(event)
  if (name === undefined || !on.includes(name)) return false
  // A suspended run goes on later.
  if (name.startsWith("run.")) return !("waits" in event)
  if (only !== undefined) return matchesPath(only, event.path)
  return !("kind" in event) || doesWork(event)
}

const outcomes: Readonly<Record<string, string>> = {
  Succeeded: "succeeded",
  Failed: "failed",
  Interrupted: "interrupted",
  Skipped: "skipped"
}

const outcomeOf = (event: Event): string | undefined => outcomes[event._tag.replace(/^(?:Run|Step)/u, "")]

/** How long something took, for an event that ends it. The `millis` of a retry are a delay. */
const durationOf = (event: Event): number | undefined =>
  "millis" in event && event._tag !== "StepRetried" ? event.millis : undefined

/** One sentence about an event, for a chat message or a log. */
const sentence = (event: Event, { environment, name }: Project): string => {
  const where = event._tag.startsWith("Run")
    ? `${event.path} of ${name}${environment === undefined ? "" : ` (${environment})`}`
    : event.path
  const what = outcomeOf(event) ?? hookEventName(event)?.split(".")[1] ?? ""
  const millis = durationOf(event)
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

/** In characters. Linux refuses to start a program with a variable of more than 128 KiB. */
const maxVariableLength = 8_000

/** The environment variables for a hook that runs on an event. `version` is that of the run, once it is known. */
export const hookVariables = (
  hook: Hook,
  event: Event,
  project: Project,
  version: string | undefined
): Readonly<Record<string, string>> => {
  const millis = durationOf(event)
  const all: Readonly<Record<string, string | undefined>> = {
    JIJI_EVENT: hookEventName(event),
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
    // A variable cannot contain a NUL byte, and a failure may quote one from a server.
    Object.entries(all).map(([key, value = ""]) => [key, value.replaceAll("\0", "").slice(0, maxVariableLength)])
  )
}
