import { Effect, Schedule } from "effect"
import { randomUUID } from "node:crypto"
import { Notices } from "../../reporters/Notices.ts"
import { workflowCommand } from "../../reporters/github/workflowCommand.ts"
import type { RunInfo } from "../../serve/Api.ts"
import { oneLine, printable } from "../../core/text.ts"
import { OnGitHub } from "../github.ts"
import { CommandExited } from "../process/exit.ts"
import { ForcedExit } from "../process/ForcedExit.ts"
import { writeStderr } from "../process/stderr.ts"
import { Terminal } from "../process/Terminal.ts"
import type { OutputOptions } from "../RunLayers.ts"
import { ExitCode } from "../../core/Failure.ts"
import type { Connection } from "./connect.ts"
import { chooseProject, explainProject } from "./chooseProject.ts"
import { followRun, type Position } from "./followRun.ts"
import { RemoteRunCancelled } from "./RemoteError.ts"
import type { Remote } from "./remoteFlags.ts"
import { makeRunView } from "./RunView.ts"

/** How long the last request before jiji exits may take. */
const lastRequest = "3 seconds"

/** The lines that a command prints about its failure. jiji's own begin like this; CI systems would obey others. */
const ownLine = /^(?:error: | {2}(?! *::)|[\w./-]+:\d+ (?! *::))/

/** Why a run failed, as its command would print it here. */
const failureText = ({ id, reason = "", status }: RunInfo): string => {
  const lines = reason.split("\n").map(printable)
  if (lines.every((line) => !ownLine.test(line))) {
    const text = lines.join(" ").trim()
    return `error: The run ${id} ${status === "interrupted" ? "was interrupted" : "failed"}${text === "" ? "." : `: ${text}.`}\n`
  }
  return lines.map((line) => `${ownLine.test(line) || line === "" ? line : `  | ${line}`}\n`).join("")
}

/** The code that the command exits with. */
const exitCodeOf = ({ exitCode = ExitCode.failed, status }: RunInfo): number => {
  if (status === "interrupted" || status === "cancelled") return ExitCode.interrupted
  return exitCode > 0 && exitCode < 256 ? exitCode : ExitCode.failed
}

/**
 * Follows a run to its end, and ends as its command does. With `isOwn`, Ctrl-C cancels the run, and a second one ends it at once.
 */
export const showRun = Effect.fnUntraced(function* (
  connection: Connection,
  run: RunInfo,
  { isOwn, json }: OutputOptions & { readonly isOwn: boolean }
) {
  const { request, url } = connection
  const { print } = yield* Notices
  const onGitHub = yield* OnGitHub
  const forcedExit = yield* ForcedExit
  const view = yield* makeRunView(connection, run, { json })
  const position: Position = { after: 0 }
  let isAsked = false
  const sayQueued = Effect.gen(function* () {
    if (isAsked) return
    isAsked = true
    const { status } = yield* request((api) => api.runs.getRun({ params: { id: run.id } }))
    if (status === "queued") print(`run ${run.id} is queued: it starts when others have ended`)
  }).pipe(Effect.ignore)
  const follow = followRun(connection, run.id, position, view.event, sayQueued)
  const cancel = request((api) => api.runs.cancelRun({ params: { id: run.id } }))
  const goesOn = `The run ${run.id} goes on at ${url}. Cancel it: \`jiji --remote ${url} cancel ${run.id}\`.`

  const stop = Effect.gen(function* () {
    print(`interrupted: cancelling run ${run.id}; press Ctrl-C again to end it at once`)
    forcedExit.before = () =>
      cancel.pipe(
        Effect.timeout(lastRequest),
        Effect.match({
          onSuccess: () => `\nexited immediately; jiji serve ends run ${run.id} at once\n`,
          onFailure: () => `\nexited immediately\n  → ${goesOn}\n`
        }),
        Effect.runPromise
      )
    yield* cancel
    yield* follow
  }).pipe(
    Effect.catch((error) => Effect.sync(() => print(`error: ${error.message}\n  → ${goesOn}`))),
    Effect.ensuring(Effect.sync(() => void (forcedExit.before = undefined)))
  )
  // The run has begun, so that no interruption may end this before it has cancelled it.
  const ended = yield* Effect.interruptible(follow).pipe(
    Effect.onInterrupt(() => (isOwn ? stop : Effect.void)),
    Effect.ensuring(view.end)
  )
  if (ended.status === "succeeded") return
  if (ended.status === "cancelled") {
    const reason = oneLine(ended.reason ?? "").replace(/\.$/, "")
    return yield* new RemoteRunCancelled({ run: run.id, ...(reason !== "" && { reason }) })
  }
  const text = failureText(ended)
  // Its events have become annotations, if it has any.
  if (onGitHub && !view.hasFailed()) yield* writeStderr(workflowCommand("error", text.replace(/^error: /, "").trim()))
  yield* writeStderr(text)
  return yield* Effect.fail(new CommandExited({ code: exitCodeOf(ended) }))
}, Effect.scoped)

/** Without `--json`: how events are shown is decided here. */
const withoutJson = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const end = words.indexOf("--")
  return words.filter((word, index) => word !== "--json" || (end !== -1 && index > end))
}

/**
 * Lets the server run a command, and shows it. An interruption waits for the answer of the server: the run may have begun, and must
 * be cancelled then.
 */
const startAndShow = Effect.fnUntraced(function* (
  connection: Connection,
  remote: Remote,
  project: string,
  words: ReadonlyArray<string>
) {
  const { request } = connection
  const command = withoutJson(words)
  const json = command.length < words.length
  // If the answer is lost, the same request returns the run that it has started.
  const payload = { project, command, once: randomUUID() }
  const start = Effect.retry(
    request((api) => api.runs.startRun({ payload })),
    { while: ({ _tag }) => _tag === "RemoteUnreachable", schedule: Schedule.exponential("250 millis"), times: 3 }
  )
  const run = yield* explainProject(connection, remote, start)
  if (remote.detach) {
    const { write } = yield* Terminal
    write(json ? `${JSON.stringify(run)}\n` : `${run.id}\n`)
    return
  }
  yield* writeStderr(`run ${run.id} of ${printable(run.project)} at ${connection.url}\n`)
  yield* showRun(connection, run, { json, isOwn: true })
}, Effect.uninterruptible)

/** Runs a command on a `jiji serve`. */
export const startRun = Effect.fnUntraced(function* (
  connection: Connection,
  remote: Remote,
  words: ReadonlyArray<string>
) {
  yield* startAndShow(connection, remote, yield* chooseProject(connection, remote), words)
})
