import { Clock, Cron, Effect, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { TriggerSource } from "../../config/Trigger.ts"
import { Projects } from "../Projects.ts"
import { Runner } from "../Runner.ts"
import { fire } from "./fire.ts"
import { type ProjectTrigger, Triggers } from "./Triggers.ts"

type CronSource = Extract<TriggerSource, { readonly _tag: "Cron" }>

const parse = ({ cron, timeZone }: CronSource): Cron.Cron => Cron.parseUnsafe(cron, timeZone)

/** How often jiji looks at the clock, which may jump, and at the triggers, which may change. In milliseconds. */
const lookEvery = 5000

/** A clock that goes back further than this was wrong before, in milliseconds. */
const largeJump = 24 * 60 * 60 * 1000

/** A time of a cron line. All times are epoch milliseconds. */
interface Ticks {
  /** The time until which all ticks are done. */
  readonly done: number
  /** The tick that is due, if there is one. */
  readonly due?: number
}

/** The tick that is due. Of several that were missed, only the last one is. */
export const dueTick = (cron: Cron.Cron, done: number, now: number): Ticks => {
  // Until a clock that was set back has caught up, nothing is due a second time.
  if (now < done) return { done: done - now > largeJump ? now : done }
  const next = Cron.next(cron, done).getTime()
  if (next > now) return { done }
  // `prev` is strict, and near a change of the offset not exact.
  const due = Math.max(next, Cron.prev(cron, now + 1).getTime())
  return { done: due, due }
}

const Row = Schema.Struct({ line: Schema.String, tick: Schema.Int })
const decodeRow = Schema.decodeUnknownOption(Row)

const isCron = (each: ProjectTrigger): each is ProjectTrigger & { readonly trigger: { readonly source: CronSource } } =>
  each.trigger.source._tag === "Cron"

/** Starts the run of a trigger if it is time. */
const look = Effect.fnUntraced(function* ({ project, trigger }: ProjectTrigger, source: CronSource) {
  const sql = yield* SqlClient.SqlClient
  const now = yield* Clock.currentTimeMillis
  const line = `${source.cron} ${source.timeZone}`
  const rows = yield* sql`SELECT line, tick FROM cron_ticks WHERE project = ${project.name} AND name = ${trigger.name}`
  const stored = Option.filter(decodeRow(rows[0]), (row) => row.line === line)
  const before = Option.getOrUndefined(stored)?.tick
  // A new trigger, or one with another line, has missed nothing.
  const { done, due } = before === undefined ? { done: now } : dueTick(parse(source), before, now)
  if (due !== undefined) {
    const time = new Date(due).toISOString()
    // The key keeps the tick from starting two runs, whatever happens before it is stored.
    yield* fire({ project, trigger, occurrence: { key: `${line} ${time}`, values: { time }, payload: {} } })
  }
  if (done === before) return
  yield* sql`INSERT INTO cron_ticks (project, name, line, tick) VALUES (${project.name}, ${trigger.name}, ${line}, ${done})
    ON CONFLICT (project, name) DO UPDATE SET line = excluded.line, tick = excluded.tick`
})

/** Forgets triggers that are gone, so that they have missed nothing if they come back. Those of broken files are not gone. */
const forget = Effect.fnUntraced(function* (present: ReadonlyArray<ProjectTrigger>) {
  const sql = yield* SqlClient.SqlClient
  const triggers = yield* Triggers
  const rows = yield* sql<{ readonly project: string; readonly name: string }>`SELECT project, name FROM cron_ticks`
  for (const { name, project } of rows) {
    if (present.some((each) => each.project.name === project && each.trigger.name === name)) continue
    const known = yield* (yield* Projects).find(project)
    if (known !== undefined && (yield* triggers.problems(known)).length > 0) continue
    yield* sql`DELETE FROM cron_ticks WHERE project = ${project} AND name = ${name}`
  }
})

/** Starts the runs of cron triggers. Ticks that passed while no jiji serve ran are made up for, once. */
export const followClock = Effect.gen(function* () {
  const triggers = yield* Triggers
  const runner = yield* Runner
  const lookAtAll = Effect.gen(function* () {
    // The next jiji serve makes up for what passes now.
    if (yield* runner.isDraining) return lookEvery
    const all = (yield* triggers.all).filter(isCron)
    yield* Effect.forEach(all, (each) => look(each, each.trigger.source), { concurrency: 8, discard: true })
    yield* forget(all)
    const now = yield* Clock.currentTimeMillis
    return Math.min(lookEvery, ...all.map(({ trigger }) => Cron.next(parse(trigger.source), now).getTime() - now))
  }).pipe(
    Effect.catchTag("SqlError", ({ message }) =>
      Effect.as(Effect.logWarning(`Cannot look for runs that are due: ${message}`), lookEvery)
    ),
    // A bug must not stop the clock for good.
    Effect.catchDefect((defect) => Effect.as(Effect.logError("Cannot look for runs that are due", defect), lookEvery))
  )
  return yield* Effect.forever(Effect.flatMap(lookAtAll, Effect.sleep))
})
