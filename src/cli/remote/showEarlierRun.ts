import { Clock, Effect, Option, Stream } from "effect"
import { CommandLine } from "effect/process"
import type { Event } from "../../core/Event.ts"
import { renderPage } from "../../record/renderPage.ts"
import { renderRun } from "../../record/renderRun.ts"
import type { RunOutcome, StoredRun } from "../../record/read.ts"
import { buildTree } from "../../record/tree.ts"
import { writePage } from "../../record/writePage.ts"
import { json as jsonReporter } from "../../reporters/json.ts"
import type { RunInfo } from "../../serve/Api.ts"
import { oneLine } from "../../core/text.ts"
import { ConflictingFlags } from "../ConflictingFlags.ts"
import { Terminal } from "../process/Terminal.ts"
import type { Connection } from "./connect.ts"
import { frames, toEvent } from "./events.ts"
import { NoRemoteRun } from "./RemoteError.ts"
import { printableEvent } from "./printableEvent.ts"
import type { Remote } from "./remoteFlags.ts"
import { runMillis } from "./remoteLists.ts"

/** Every other status is of a run that is not over. */
const outcomes: Readonly<Partial<Record<RunInfo["status"], RunOutcome>>> = {
  succeeded: "succeeded",
  failed: "failed",
  interrupted: "interrupted",
  cancelled: "interrupted",
  waiting: "waiting"
}

/** The names of the servers in the paths of events. */
const serversOf = (events: ReadonlyArray<Event>): ReadonlyArray<string> => [
  ...new Set(events.flatMap(({ path }) => /\/servers\[([^\]]+)\]/.exec(path)?.[1] ?? []))
]

const toStoredRun = (run: RunInfo, events: ReadonlyArray<Event>, now: number): StoredRun => {
  const started = events.find((event) => event._tag === "RunStarted")
  return {
    id: String(run.id),
    pipeline: oneLine(started?._tag === "RunStarted" ? started.name : CommandLine.display(run.command)),
    project: oneLine(run.project),
    servers: serversOf(events),
    who: oneLine(run.by),
    began: run.started ?? run.created,
    outcome: outcomes[run.status] ?? "running",
    millis: runMillis(run, now),
    dropped: 0
  }
}

/** The events of the last attempt of a run: it starts from the beginning, or goes on where the one before stopped. */
const lastAttempt = (events: ReadonlyArray<Event>): ReadonlyArray<Event> =>
  events.slice(
    Math.max(
      0,
      events.findLastIndex((event) => event._tag === "RunStarted" && event.parent === undefined)
    )
  )

/** `jiji --remote URL runs show`: a run with the events that it has now. */
export const showEarlierRun = Effect.fnUntraced(function* (
  connection: Connection,
  { project }: Remote,
  number: Option.Option<number>,
  { html, json }: { readonly html: Option.Option<string>; readonly json: boolean }
) {
  if (json && Option.isSome(html)) return yield* new ConflictingFlags({ flags: ["--json", "--html"] })
  const terminal = yield* Terminal
  const { request, url } = connection
  const run = Option.isSome(number)
    ? yield* request((api) => api.runs.getRun({ params: { id: number.value } }))
    : (yield* request((api) =>
        api.runs.listRuns({ query: { limit: 1, ...(project !== undefined && { project }) } })
      ))[0]
  if (run === undefined) return yield* new NoRemoteRun({ url })
  const found = yield* frames(connection, run.id, 0).pipe(
    // Of a run that is not over, there are no more now.
    Stream.takeUntil(({ _tag }) => _tag === "Idle"),
    Stream.runCollect
  )
  const events = found.flatMap((frame) => {
    const event = frame._tag === "Event" ? toEvent(frame.data) : undefined
    return event === undefined ? [] : [event]
  })
  if (json) {
    const reporter = jsonReporter(terminal)
    for (const event of events) reporter.event(event)
    return
  }
  const now = yield* Clock.currentTimeMillis
  const shown = lastAttempt(events.map(printableEvent))
  const stored = toStoredRun(run, shown, now)
  const tree = buildTree(shown, stored.servers)
  if (Option.isNone(html)) return terminal.write(`${renderRun(stored, tree, now, terminal).join("\n")}\n`)
  const text = renderPage(stored, tree)
  if (html.value === "-") return terminal.write(text)
  yield* writePage(html.value, text)
  terminal.write(`${html.value}\n`)
})
