import { Effect, Option } from "effect"
import { SqlClient } from "effect/sql"
import type { RunEvent } from "../../config/Trigger.ts"
import { anyRun, Feed } from "../Feed.ts"
import { toInfo } from "../handlers.ts"
import { RunStore, type RunStatus, type StoredRun } from "../RunStore.ts"
import { Deliveries } from "./Deliveries.ts"
import { fire } from "./fire.ts"
import { type ProjectTrigger, Triggers } from "./Triggers.ts"

/** How many ended runs are looked at together. */
const pageSize = 100

/** Between two looks without news: a run may have ended in another way. */
const lookAgain = "5 seconds"

const events: Readonly<Partial<Record<RunStatus, RunEvent>>> = {
  succeeded: "run.succeeded",
  failed: "run.failed",
  interrupted: "run.interrupted",
  cancelled: "run.interrupted"
}

/** The command of a run, or its pipeline. */
const commandOf = ({ words: [command, pipeline] }: StoredRun): string | undefined =>
  command === "run" ? pipeline : command

const wants = ({ project, trigger: { source } }: ProjectTrigger, run: StoredRun): boolean => {
  const event = events[run.status]
  if (source._tag !== "Event" || event === undefined || !source.on.includes(event)) return false
  return run.project === (source.project ?? project.name) && (source.of === undefined || source.of === commandOf(run))
}

/** Starts the runs that wait for the end of this one. */
const announce = Effect.fnUntraced(function* (run: StoredRun, triggers: ReadonlyArray<ProjectTrigger>) {
  const sql = yield* SqlClient.SqlClient
  const waiting = triggers.filter((each) => wants(each, run))
  if (waiting.length > 0) {
    const depth = (yield* (yield* Deliveries).depthOf(run.number)) + 1
    const values = { run: String(run.number), status: run.status, project: run.project }
    // If jiji serve is killed before the update below, the same key starts nothing twice.
    const occurrence = { key: `run ${run.number}`, values, payload: toInfo(run) }
    yield* Effect.forEach(waiting, ({ project, trigger }) => fire({ project, trigger, occurrence, depth }))
  }
  yield* sql`UPDATE runs SET is_announced = 1 WHERE number = ${run.number}`
})

/** Starts runs when others end, also those that ended while no jiji serve ran. */
export const followRuns = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const store = yield* RunStore
  const triggers = yield* Triggers
  const news = yield* (yield* Feed).listen(anyRun)
  const look = Effect.gen(function* () {
    const ended = yield* sql<{ readonly number: number }>`SELECT number FROM runs
      WHERE ended IS NOT NULL AND is_announced = 0 ORDER BY number LIMIT ${pageSize}`
    const all = ended.length === 0 ? [] : yield* triggers.all
    for (const { number } of ended) {
      const run = yield* store.get(number)
      if (Option.isSome(run)) yield* announce(run.value, all)
    }
    return ended.length
  })
  return yield* Effect.forever(
    news.close.pipe(
      Effect.andThen(Effect.repeat(look, { while: (count) => count === pageSize })),
      Effect.catchTag("SqlError", ({ message }) => Effect.logWarning(`Cannot look for runs that ended: ${message}`)),
      // A bug must not stop this for good.
      Effect.catchDefect((defect) => Effect.logError("Cannot look for runs that ended", defect)),
      Effect.andThen(Effect.timeoutOption(news.await, lookAgain))
    )
  )
})
