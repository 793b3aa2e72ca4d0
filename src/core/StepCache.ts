import { Context, Effect } from "effect"

/** A stored result of a step. */
export interface Entry {
  /** The encoded result, as JSON. */
  readonly body: string
  /** Epoch milliseconds. */
  readonly storedAt: number
}

/** Keeps results of steps between runs. A cache that cannot be used finds nothing and stores nothing; it never fails a run. */
export interface StepCache {
  /** Returns the entry with an ID. */
  read(id: string): Effect.Effect<Entry | undefined>
  /** Stores an entry. It may replace another one. */
  write(id: string, entry: Entry): Effect.Effect<void>
  /** Removes an entry. */
  forget(id: string): Effect.Effect<void>
  /** Called when a step is skipped because of an entry, with the reason: `cached 2.5 s ago`. */
  onHit?(reason: string): Effect.Effect<void>
}

/** The cache of the current run. If undefined, steps are not cached. */
export const CurrentStepCache = Context.Reference<StepCache | undefined>("jiji/core/StepCache/CurrentStepCache", {
  defaultValue: () => undefined
})

/** Whether stored results are used. If not, all steps run, and their new results are stored. */
export const UseStepCache = Context.Reference<boolean>("jiji/core/StepCache/UseStepCache", {
  defaultValue: () => true
})

/** The largest result that is stored, in characters. */
export const maxCachedResult = 1024 * 1024

/** Creates an empty cache that lives as long as the process. */
export const memoryCache = (): StepCache => {
  const entries = new Map<string, Entry>()
  return {
    read: (id) => Effect.sync(() => entries.get(id)),
    write: (id, entry) => Effect.sync(() => void entries.set(id, entry)),
    forget: (id) => Effect.sync(() => void entries.delete(id))
  }
}
