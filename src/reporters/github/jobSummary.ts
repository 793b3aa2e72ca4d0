import { Effect, Stream } from "effect"
import { shortDigest } from "../../config/ImageReference.ts"
import { type Event, isEnd } from "../../core/Event.ts"
import { ownEvents } from "../../core/runEvents.ts"
import { eventLine, doesWork, parsePath } from "../eventLine.ts"
import type { Follower } from "../Reporter.ts"
import { type DeployRow, deployRows } from "../table.ts"
import { printable } from "../../core/text.ts"
import { formatDuration } from "../../core/units.ts"

/** GitHub rejects summaries larger than 1 MiB. */
const maxRows = 1000
const maxSteps = 50
const maxFailures = 50
const maxTextLength = 2000

/** Escapes all signs as numeric entities, which Markdown never treats as markup. */
const escapeMarkdown = (text: string): string =>
  text.replaceAll(/[^\p{L}\p{N} \n]/gu, (sign) => `&#${sign.codePointAt(0)};`)

/** Inside `<code>`, GitHub does not turn names, numbers or URLs into links. */
const code = (text: string): string => (text === "" ? "" : `<code>${escapeMarkdown(printable(text))}</code>`)

const clean = (text: string): string => text.slice(0, maxTextLength).split("\n").map(printable).join("\n").trim()

const block = (...parts: ReadonlyArray<string>): string => `<pre>${escapeMarkdown(parts.map(clean).join("\n\n"))}</pre>`

const moreLine = (all: number, shown: number): ReadonlyArray<string> =>
  all > shown ? ["", `… and ${all - shown} more`] : []

const serviceTable = (all: ReadonlyArray<DeployRow>): ReadonlyArray<string> => {
  if (all.length === 0) return []
  const isExplained = all.some(({ because }) => because !== "")
  const line = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`
  const hasGaps = all.some(({ gap }) => gap !== undefined)
  const heads = [
    "Service",
    "Server",
    "Version",
    "Digest",
    "Outcome",
    "Time",
    ...(hasGaps ? ["Gap"] : []),
    ...(isExplained ? ["Why"] : [])
  ]
  return [
    "",
    line(heads),
    line(heads.map(() => "---")),
    ...all.slice(0, maxRows).map(({ because, digest, gap, millis, outcome, server, service, version }) => {
      const names = [service, server, version, shortDigest(digest)].map(code)
      return line([
        ...names,
        outcome,
        formatDuration(millis),
        ...(hasGaps ? [gap === undefined ? "" : formatDuration(gap * 1000)] : []),
        ...(isExplained ? [code(because)] : [])
      ])
    }),
    ...moreLine(all.length, maxRows)
  ]
}

const outcomes: Readonly<Record<string, string>> = {
  StepSucceeded: "done",
  StepSkipped: "skipped",
  StepFailed: "failed",
  StepInterrupted: "interrupted"
}

/** The steps of a run without services, in the order in which they ended. */
const stepTable = (events: ReadonlyArray<Event>): ReadonlyArray<string> => {
  const all = events.flatMap((event) => {
    const outcome = outcomes[event._tag]
    if (outcome === undefined || !("millis" in event) || !("kind" in event) || !doesWork(event)) return []
    const { keys, name } = parsePath(event.path)
    return [`| ${[code([...keys, name].join(" ")), outcome, formatDuration(event.millis)].join(" | ")} |`]
  })
  if (all.length === 0) return []
  return [
    "",
    "| Step | Outcome | Time |",
    "| --- | --- | --- |",
    ...all.slice(0, maxSteps),
    ...moreLine(all.length, maxSteps)
  ]
}

/** The failures with their remedies. */
const failureBlocks = (events: ReadonlyArray<Event>): ReadonlyArray<string> => {
  const steps = events.flatMap((event) =>
    event._tag === "StepFailed" && eventLine(event) !== undefined ? [event] : []
  )
  const failed = steps.length > 0 ? steps : events.flatMap((event) => (event._tag === "RunFailed" ? [event] : []))
  const all = failed.flatMap(({ failures, path }) => failures.map((failure) => ({ ...failure, path })))
  const lines = all.slice(0, maxFailures).flatMap(({ message, path, remedy }) => {
    const { keys, name } = parsePath(path)
    return ["", `❌ ${code([...keys, name].join(" "))}`, "", block(message, `→ ${remedy}`)]
  })
  return [...lines, ...moreLine(all.length, maxFailures)]
}

/** The project and environment of a run. */
export interface RunTarget {
  readonly project: string
  readonly environment?: string
}

const heading = (events: ReadonlyArray<Event>, { environment, project }: RunTarget): string => {
  const began = events.find(({ _tag }) => _tag === "RunStarted")
  const where = `${code(project)}${environment === undefined ? "" : ` to ${code(environment)}`}`
  const name = `${code(began?._tag === "RunStarted" ? began.name : "")} of ${where}`
  const end = events.findLast(isEnd)
  if (end?._tag === "RunSucceeded") return `### ✅ ${name} done in ${formatDuration(end.millis)}`
  if (end?._tag === "RunFailed") return `### ❌ ${name} failed after ${formatDuration(end.millis)}`
  return `### ⚠️ ${name} interrupted${end?._tag === "RunInterrupted" ? ` after ${formatDuration(end.millis)}` : ""}`
}

/** Renders a run as Markdown: its services or steps, and its failures. Escapes all text from servers. */
export const summaryMarkdown = (events: ReadonlyArray<Event>, target: RunTarget): string => {
  const services = serviceTable(deployRows(events))
  const done = services.length > 0 ? services : stepTable(events)
  return `${[heading(events, target), ...done, ...failureBlocks(events)].join("\n")}\n\n`
}

/** The errors of jiji itself, which are not part of a run. */
export const endSummary = (
  code: number,
  errors: ReadonlyArray<{ readonly text: string; readonly remedy: string | undefined }>
): string => {
  const blocks = errors
    .slice(0, maxFailures)
    .flatMap(({ remedy, text }) => ["", block(text, ...(remedy === undefined ? [] : [`→ ${remedy}`]))])
  return `${[`### ❌ jiji exited with code ${code}`, ...blocks, ...moreLine(errors.length, maxFailures)].join("\n")}\n\n`
}

/** Appends a run to a job's summary. */
export const jobSummary =
  (append: (text: string) => Effect.Effect<void>, target: RunTarget): Follower =>
  (run) =>
    Effect.gen(function* () {
      const seen: Array<Event> = []
      const collect = ownEvents(run).pipe(
        Stream.filter((event) => "kind" in event || event._tag.startsWith("Run")),
        Stream.runForEach((event) => Effect.sync(() => seen.push(event)))
      )
      yield* Effect.ensuring(
        collect,
        Effect.suspend(() => append(summaryMarkdown(seen, target)))
      )
    })
