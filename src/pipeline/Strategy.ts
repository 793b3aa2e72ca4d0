import { Schema } from "effect"

/**
 * What happens to the other items of a forEach when one fails. Items that are already running always finish.
 *
 * - `stop`: starts no more items.
 * - `continue`: runs the remaining items.
 * - `undo`: starts no more items, and undoes those that completed.
 */
export const OnFailure = Schema.Literals(["stop", "continue", "undo"])
export type OnFailure = typeof OnFailure.Type

const count = Schema.Int.check(Schema.isGreaterThan(0))

/** Runs up to `concurrency` items at the same time; without it, as many as this machine can bear. */
export const Parallel = Schema.TaggedStruct("Parallel", {
  concurrency: Schema.optionalKey(count),
  onFailure: OnFailure
})
/** Runs items in batches. A batch starts when all items of the previous one have ended. */
export const Rolling = Schema.TaggedStruct("Rolling", { batch: count, onFailure: OnFailure })
/** Runs the `first` items on their own, and the others with the strategy `rest` if all of those succeed. */
export const Canary = Schema.TaggedStruct("Canary", { first: count, rest: Schema.Union([Parallel, Rolling]) })

/** How to run the items of a forEach. */
export const Strategy = Schema.Union([Parallel, Rolling, Canary])
export type Strategy = typeof Strategy.Type

/** Returns whether a value has the shape of a strategy. Its numbers may be wrong. */
export const isStrategy = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  "_tag" in value &&
  ["Parallel", "Rolling", "Canary"].includes(String(value._tag))

// `Pipeline.forEach` checks the numbers, because its error can name the node.
const unchecked = { disableChecks: true } as const

/**
 * Runs up to `concurrency` items at the same time; by default as many as the memory and the open files of this machine allow,
 * which is usually all. By default, a failed item does not affect the others.
 */
export const parallel = (options?: { readonly concurrency?: number; readonly onFailure?: OnFailure }) => {
  const onFailure = options?.onFailure ?? "continue"
  const concurrency = options?.concurrency
  return Parallel.make(concurrency === undefined ? { onFailure } : { concurrency, onFailure }, unchecked)
}

/**
 * Runs items in batches of `batch` items (default 1). A batch starts when all items of the previous one have ended. By
 * default, no more items start after a failure.
 */
export const rolling = (options?: { readonly batch?: number; readonly onFailure?: OnFailure }) =>
  Rolling.make({ batch: options?.batch ?? 1, onFailure: options?.onFailure ?? "stop" }, unchecked)

/**
 * Runs the `first` items on their own (default 1). If one of them fails, no other item starts. Otherwise the others run with
 * the strategy `rest` (default {@link parallel}). The `onFailure` of `rest` also decides whether the first items are undone.
 */
export const canary = (options?: {
  readonly first?: number
  readonly rest?: typeof Parallel.Type | typeof Rolling.Type
}) => Canary.make({ first: options?.first ?? 1, rest: options?.rest ?? parallel() }, unchecked)

/** Returns what happens to the other items when one fails. */
export const onFailure = (strategy: Strategy): OnFailure =>
  strategy._tag === "Canary" ? strategy.rest.onFailure : strategy.onFailure

/** Items that run together, up to `concurrency` at a time. If an item of a `gate` fails, no later group starts. */
export interface Group<A> {
  readonly items: ReadonlyArray<A>
  readonly concurrency: number
  readonly gate: boolean
}

/**
 * Splits items into the groups that a strategy runs one after the other. `capacity` is how many items the machine can run at
 * the same time.
 */
export const groups = <A>(strategy: Strategy, items: ReadonlyArray<A>, capacity: number): ReadonlyArray<Group<A>> => {
  switch (strategy._tag) {
    case "Parallel":
      return [{ items, concurrency: strategy.concurrency ?? capacity, gate: false }]
    case "Rolling": {
      const { batch } = strategy
      const batches = Array.from({ length: Math.ceil(items.length / batch) }, (_, n) => n * batch)
      return batches.map((from) => ({ items: items.slice(from, from + batch), concurrency: batch, gate: false }))
    }
    case "Canary": {
      const first = { items: items.slice(0, strategy.first), concurrency: strategy.first, gate: true }
      return [first, ...groups(strategy.rest, items.slice(strategy.first), capacity)]
    }
  }
}
