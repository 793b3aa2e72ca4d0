import { Effect } from "effect"
import { type Entry, type Journal, OpenJournal } from "../../src/pipeline/interpreter/Journal.ts"

/** A journal in memory. After `freeze` it ignores writes, as if its process had been killed. */
export const makeJournal = (entries: ReadonlyMap<string, Entry> = new Map(), resumes?: string) => {
  const stored = new Map(entries)
  const log: Array<string> = []
  let isFrozen = false
  const change = (what: string, apply: () => void) =>
    Effect.sync(() => {
      if (isFrozen) return
      log.push(what)
      apply()
    })
  const journal: Journal = {
    ...(resumes !== undefined && { resumes }),
    read: (path) => stored.get(path),
    write: (path, entry) =>
      change(`write ${path}`, () => {
        // As a file would keep it.
        stored.set(path, JSON.parse(JSON.stringify(entry)) as Entry)
      }),
    forget: (path) =>
      change(`forget ${path}`, () => {
        for (const each of stored.keys()) {
          if (each === path || each.startsWith(`${path}/`) || each.startsWith(`${path}[`)) stored.delete(each)
        }
      })
  }
  return { journal, entries: stored, log, freeze: () => void (isFrozen = true) }
}

/** Runs a pipeline with a journal. */
export const withJournal =
  ({ journal }: { readonly journal: Journal }) =>
  <A, E, R>(run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.provideService(run, OpenJournal, () => Effect.succeed(journal))
