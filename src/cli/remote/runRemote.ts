import { Effect, Option } from "effect"
import { Command } from "effect/cli"
import manifest from "../../../package.json" with { type: "json" }
import * as ArtifactCommand from "../commands/runsArtifact.ts"
import * as CancelCommand from "../commands/cancel.ts"
import * as FollowCommand from "../commands/runsFollow.ts"
import * as ListCommand from "../commands/list.ts"
import * as RunsCommand from "../commands/runs.ts"
import * as SignalCommand from "../commands/signal.ts"
import { ConflictingFlags } from "../ConflictingFlags.ts"
import { Api } from "../../serve/Api.ts"
import { Terminal } from "../process/Terminal.ts"
import { connect, type Connection } from "./connect.ts"
import { NotRemote, RunNumberInvalid } from "./RemoteError.ts"
import type { Remote } from "./remoteFlags.ts"
import { listPipelines, listRuns } from "./remoteLists.ts"
import { remoteUses } from "./remoteUses.ts"
import { sendSignal } from "./sendSignal.ts"
import { showEarlierRun } from "./showEarlierRun.ts"
import { showRun, startRun } from "./startRun.ts"

const runNumber = (text: string): Effect.Effect<number, RunNumberInvalid> =>
  /^[1-9]\d{0,14}$/.test(text) ? Effect.succeed(Number(text)) : Effect.fail(new RunNumberInvalid({ text }))

/** How many runs are searched for an ID. */
const searched = 500

/** The number of a run. Steps that wait say the run's ID on the server instead, and people copy it. */
const findNumber = Effect.fnUntraced(function* ({ request }: Connection, text: string) {
  if (!/^[0-9a-z]+-[0-9a-z]+$/.test(text)) return yield* runNumber(text)
  const runs = yield* request((api) => api.runs.listRuns({ query: { limit: searched } }))
  const found = runs.find(({ run }) => run === text)
  return found?.id ?? (yield* new RunNumberInvalid({ text }))
})

/** Cancels a run, and says so. */
const cancelRun = Effect.fnUntraced(function* (connection: Connection, text: string) {
  const { request } = connection
  const id = yield* findNumber(connection, text)
  const { write } = yield* Terminal
  const { status } = yield* request((api) => api.runs.cancelRun({ params: { id } }))
  const isRunning = status === "running"
  write(isRunning ? `Run ${id} is being cancelled: it undoes its steps.\n` : `Run ${id}: ${status}.\n`)
})

/** The commands that ask the server. They have the flags and the help of those that ask this machine. */
const questions = (remote: Remote) => {
  const connected = <A, E, R>(ask: (connection: Connection) => Effect.Effect<A, E, R>) =>
    Effect.flatMap(connect(remote, Api), ask)
  const artifact = Command.withHandler(
    ArtifactCommand.command,
    () =>
      new NotRemote({
        command: "runs artifact",
        reason: "Artifacts stay on its machine.",
        isExplicit: remote.isExplicit
      })
  )
  const show = Command.withHandler(RunsCommand.showCommand, ({ id, ...flags }) =>
    connected((connection) =>
      Effect.flatMap(
        Option.isSome(id) ? Effect.asSome(findNumber(connection, id.value)) : Effect.succeedNone,
        (number) => showEarlierRun(connection, remote, number, flags)
      )
    )
  )
  const follow = Command.withHandler(FollowCommand.command, ({ id, json }) =>
    connected((connection) =>
      Effect.gen(function* () {
        const number = yield* findNumber(connection, id)
        const run = yield* connection.request((api) => api.runs.getRun({ params: { id: number } }))
        yield* showRun(connection, run, { json, isOwn: false })
      })
    )
  )
  const runs = Command.withHandler(RunsCommand.listCommand, (flags) =>
    connected((connection) => listRuns(connection, remote, flags))
  ).pipe(Command.withSubcommands([show, follow, artifact]))
  const list = Command.withHandler(ListCommand.command, ({ pipeline }) =>
    connected((connection) => listPipelines(connection, remote, pipeline))
  )
  const cancel = Command.withHandler(CancelCommand.command, ({ run }) =>
    connected((connection) => cancelRun(connection, run))
  )
  const signal = Command.withHandler(
    SignalCommand.command,
    Effect.fnUntraced(function* ({ by, name, run, value }) {
      // The server knows whose token it is.
      if (Option.isSome(by)) return yield* new ConflictingFlags({ flags: ["--remote", "--by"] })
      const id = yield* connected((connection) => findNumber(connection, run))
      yield* sendSignal(remote, id, name, yield* Effect.fromResult(SignalCommand.parseValue(value)))
    })
  )
  return Command.make("jiji").pipe(Command.withSubcommands([runs, list, cancel, signal]))
}

/** Runs a command on a `jiji serve`, or asks it. */
export const runRemote = Effect.fnUntraced(function* (remote: Remote, words: ReadonlyArray<string>) {
  const [command = ""] = words
  if (remoteUses[command]?._tag === "Run") return yield* startRun(yield* connect(remote, Api), remote, words)
  yield* Command.runWith(questions(remote), { version: manifest.version })(words)
})
