import type { Database } from "bun:sqlite"
import { existsSync } from "node:fs"
import { Clock, Effect, Option, Schema } from "effect"
import { openDatabase, tryDatabase } from "./Database.ts"
import { currentOwner, isAlive } from "./Owner.ts"
import { findRun, readRows, toStoredRun } from "./read.ts"
import { NoRunKept } from "./RecordError.ts"
import { NothingToResume, RunNotResumable, RunResumedBefore } from "./ResumeError.ts"
import { ResumeInput } from "./ResumeInput.ts"

const decodeInput = Schema.decodeUnknownOption(Schema.fromJsonString(ResumeInput))

/** A run that this process goes on with. */
export interface ClaimedRun {
  readonly id: string
  readonly input: ResumeInput
}

interface Claim {
  readonly claim: string | null
}

/** Claims a run for this process. Returns who has it otherwise: the run that continues it, or a process that is about to. */
const claim = (db: Database) =>
  db.transaction((number: number, id: string) => {
    const by = db.query<{ readonly id: string }, [string]>("SELECT id FROM runs WHERE resumes = ?").get(id)
    if (by !== null) return { by: by.id }
    const other = db.query<Claim, [number]>("SELECT claim FROM runs WHERE number = ?").get(number)?.claim ?? null
    const owner = currentOwner()
    if (other !== null && other !== owner && isAlive(other) !== false) return { busy: true }
    db.query("UPDATE runs SET claim = ? WHERE number = ?").run(owner, number)
    return {}
  }).immediate

/** Which run to resume: by the beginning of its ID, or the last one of a project, and of one pipeline file. */
export type Wanted =
  | { readonly id: string }
  | { readonly project: string; readonly isWanted?: (input: ResumeInput) => boolean; readonly pipeline?: string }

/** Finds a run that can be resumed, and claims it for this process. */
export const claimRun = Effect.fnUntraced(function* (file: string, wanted: Wanted) {
  const nothing = new NothingToResume(
    "id" in wanted
      ? { project: "" }
      : { project: wanted.project, ...(wanted.pipeline !== undefined && { pipeline: wanted.pipeline }) }
  )
  if (!existsSync(file)) return yield* "id" in wanted ? new NoRunKept({ file }) : nothing
  const now = yield* Clock.currentTimeMillis
  const db = yield* openDatabase(file)
  const rows = yield* readRows(file, db)
  const isResumed = (id: string) => rows.some(({ resumes }) => resumes === id)
  const find = () => {
    if ("id" in wanted) return findRun(file, db, Option.some(wanted.id))
    const { isWanted = () => true, project } = wanted
    const found = rows.find((row) => {
      const { outcome } = toStoredRun(row, now)
      const input = decodeInput(row.input)
      const isOpen = outcome !== "succeeded" && outcome !== "running" && !isResumed(row.id)
      return row.project === project && isOpen && Option.isSome(input) && isWanted(input.value)
    })
    return found === undefined ? Effect.fail(nothing) : Effect.succeed(found)
  }
  const row = yield* find()
  const { id } = row
  const { outcome } = toStoredRun(row, now)
  if (outcome === "succeeded" || outcome === "running") return yield* new RunNotResumable({ id, why: outcome })
  const input = decodeInput(row.input)
  if (Option.isNone(input)) return yield* new RunNotResumable({ id, why: "command" })
  const { busy = false, by } = yield* tryDatabase(file, () => claim(db)(row.number, id))
  if (by !== undefined) return yield* new RunResumedBefore({ id, by })
  if (busy) return yield* new RunNotResumable({ id, why: "resuming" })
  const claimed: ClaimedRun = { id, input: input.value }
  return claimed
}, Effect.scoped)
