import { Effect, Queue } from "effect"
import { type Entry, type Journal, OpenJournal, type Signal } from "../../src/pipeline/interpreter/Journal.ts"

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
  const signals = new Map<string, Queue.Queue<Signal>>()
  const queueOf = (name: string) => {
    const known = signals.get(name) ?? Effect.runSync(Queue.unbounded<Signal>())
    signals.set(name, known)
    return known
  }
  const send = (name: string, value: unknown, by = "ann") =>
    Effect.sync(() => void Queue.offerUnsafe(queueOf(name), { value, by }))
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
      }),
    signal: (_path, name) => Queue.take(queueOf(name)),
    howToSignal: (name) => `send ${name}`
  }
  return { journal, send, entries: stored, log, freeze: () => void (isFrozen = true) }
}

/** Runs a pipeline with a journal. */
export const withJournal =
  ({ journal }: { readonly journal: Journal }) =>
  <A, E, R>(run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.provideService(run, OpenJournal, () => Effect.succeed(journal))
