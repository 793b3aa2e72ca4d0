import { Effect, Stream } from "effect"
import { shortDigest } from "../../config/ImageReference.ts"
import { type Event, isEnd } from "../../core/Event.ts"
import { eventLine, doesWork, parsePath } from "../eventLine.ts"
import type { Follower } from "../Reporter.ts"
import { type Row, rows } from "../table.ts"
import { printable } from "../../core/text.ts"
import { formatDuration } from "../../core/units.ts"

/** GitHub takes no summary of more than 1 MiB. */
const mostRows = 1000
const mostSteps = 50
const mostFailures = 50
const mostText = 2000

/** Text that is text, whatever it says: to Markdown a character that is written as its number is never a sign of its own. */
const entities = (text: string): string => text.replaceAll(/[^\p{L}\p{N} \n]/gu, (sign) => `&#${sign.codePointAt(0)};`)

/** In code, where GitHub looks for no names, numbers or addresses to make links of. */
const code = (text: string): string => (text === "" ? "" : `<code>${entities(printable(text))}</code>`)

const clean = (text: string): string => text.slice(0, mostText).split("\n").map(printable).join("\n").trim()

const block = (...parts: ReadonlyArray<string>): string => `<pre>${entities(parts.map(clean).join("\n\n"))}</pre>`

const more = (all: number, shown: number): ReadonlyArray<string> =>
  all > shown ? ["", `… and ${all - shown} more`] : []

const table = (all: ReadonlyArray<Row>): ReadonlyArray<string> => {
  if (all.length === 0) return []
  const isExplained = all.some(({ because }) => because !== "")
  const line = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`
  const heads = ["Service", "Server", "Version", "Digest", "Done", "Time", ...(isExplained ? ["Why"] : [])]
  return [
    "",
    line(heads),
    line(heads.map(() => "---")),
    ...all.slice(0, mostRows).map(({ because, digest, millis, outcome, server, service, version }) => {
      const names = [service, server, version, shortDigest(digest)].map(code)
      return line([...names, outcome, formatDuration(millis), ...(isExplained ? [code(because)] : [])])
    }),
    ...more(all.length, mostRows)
  ]
}

const outcomes: Readonly<Record<string, string>> = {
  StepSucceeded: "done",
  StepSkipped: "skipped",
  StepFailed: "failed",
  StepInterrupted: "interrupted"
}

/** The steps of a run that has no services to show, in the order in which they ended. */
const steps = (events: ReadonlyArray<Event>): ReadonlyArray<string> => {
  const all = events.flatMap((event) => {
    const outcome = outcomes[event._tag]
    if (outcome === undefined || !("millis" in event) || !("kind" in event) || !doesWork(event)) return []
    const { keys, name } = parsePath(event.path)
    return [`| ${[code([...keys, name].join(" ")), outcome, formatDuration(event.millis)].join(" | ")} |`]
  })
  if (all.length === 0) return []
  return [
    "",
    "| Step | Done | Time |",
    "| --- | --- | --- |",
    ...all.slice(0, mostSteps),
    ...more(all.length, mostSteps)
  ]
}

/** What failed, each with what to do about it. */
const failures = (events: ReadonlyArray<Event>): ReadonlyArray<string> => {
  const steps = events.flatMap((event) =>
    event._tag === "StepFailed" && eventLine(event) !== undefined ? [event] : []
  )
  const failed = steps.length > 0 ? steps : events.flatMap((event) => (event._tag === "RunFailed" ? [event] : []))
  const all = failed.flatMap(({ failures, path }) => failures.map((failure) => ({ ...failure, path })))
  const lines = all.slice(0, mostFailures).flatMap(({ message, path, remedy }) => {
    const { keys, name } = parsePath(path)
    return ["", `❌ ${code([...keys, name].join(" "))}`, "", block(message, `→ ${remedy}`)]
  })
  return [...lines, ...more(all.length, mostFailures)]
}

/** Whose run it is. */
export interface About {
  readonly project: string
  readonly environment?: string
}

const heading = (events: ReadonlyArray<Event>, { environment, project }: About): string => {
  const began = events.find(({ _tag }) => _tag === "RunStarted")
  const where = `${code(project)}${environment === undefined ? "" : ` to ${code(environment)}`}`
  const name = `${code(began?._tag === "RunStarted" ? began.name : "")} of ${where}`
  const end = events.findLast(isEnd)
  if (end?._tag === "RunSucceeded") return `### ✅ ${name} done in ${formatDuration(end.millis)}`
  if (end?._tag === "RunFailed") return `### ❌ ${name} failed after ${formatDuration(end.millis)}`
  return `### ⚠️ ${name} interrupted${end?._tag === "RunInterrupted" ? ` after ${formatDuration(end.millis)}` : ""}`
}

/** A run as Markdown: what was done where, and what failed. Nothing that a server wrote becomes markup. */
export const markdown = (events: ReadonlyArray<Event>, about: About): string => {
  const services = table(rows(events))
  const done = services.length > 0 ? services : steps(events)
  return `${[heading(events, about), ...done, ...failures(events)].join("\n")}\n\n`
}

/** What jiji itself ended in, beside what runs say. */
export const endSummary = (
  code: number,
  errors: ReadonlyArray<{ readonly text: string; readonly remedy: string | undefined }>
): string => {
  const blocks = errors
    .slice(0, mostFailures)
    .flatMap(({ remedy, text }) => ["", block(text, ...(remedy === undefined ? [] : [`→ ${remedy}`]))])
  return `${[`### ❌ jiji ended with exit code ${code}`, ...blocks, ...more(errors.length, mostFailures)].join("\n")}\n\n`
}

/** Adds a run to the summary of a job. */
export const jobSummary =
  (append: (text: string) => Effect.Effect<void>, about: About): Follower =>
  (run) =>
    Effect.gen(function* () {
      const seen: Array<Event> = []
      const taking = run.pipe(
        Stream.takeUntil(isEnd),
        Stream.filter((event) => "kind" in event || event._tag.startsWith("Run")),
        Stream.runForEach((event) => Effect.sync(() => seen.push(event)))
      )
      yield* Effect.ensuring(
        taking,
        Effect.suspend(() => append(markdown(seen, about)))
      )
    })
