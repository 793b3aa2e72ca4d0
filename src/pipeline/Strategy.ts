import { Schema } from "effect"

/**
 * What a failed item does to the others of its forEach. Those that run already always finish; then `stop` begins no
 * more, `continue` goes on, and `undo` begins no more and undoes those that were done.
 */
export const OnFailure = Schema.Literals(["stop", "continue", "undo"])
export type OnFailure = typeof OnFailure.Type

const count = Schema.Int.check(Schema.isGreaterThan(0))

/** All at once, up to a bound. */
export const Parallel = Schema.TaggedStruct("Parallel", { concurrency: count, onFailure: OnFailure })
/** A batch after another, each when all of the one before has ended. */
export const Rolling = Schema.TaggedStruct("Rolling", { batch: count, onFailure: OnFailure })
/** Some first; the others, in their own way, when all of these have ended well. */
export const Canary = Schema.TaggedStruct("Canary", { first: count, rest: Schema.Union([Parallel, Rolling]) })

/** How the items of a forEach are run. */
export const Strategy = Schema.Union([Parallel, Rolling, Canary])
export type Strategy = typeof Strategy.Type

/** All at once, up to `concurrency` (32). What one item's failure does not touch goes on. */
export const parallel = (options?: { readonly concurrency?: number; readonly onFailure?: OnFailure }) =>
  Parallel.make({ concurrency: options?.concurrency ?? 32, onFailure: options?.onFailure ?? "continue" })

/** In batches of a size (1), each when all of the one before has ended; a failure stops what has not begun. */
export const rolling = (options?: { readonly batch?: number; readonly onFailure?: OnFailure }) =>
  Rolling.make({ batch: options?.batch ?? 1, onFailure: options?.onFailure ?? "stop" })

/**
 * The first item, or the `first` ones, before all others: where one of them fails, nothing else is begun. The others
 * run as `rest` says (`parallel`), whose `onFailure` also says whether canaries are undone.
 */
export const canary = (options?: {
  readonly first?: number
  readonly rest?: typeof Parallel.Type | typeof Rolling.Type
}) => Canary.make({ first: options?.first ?? 1, rest: options?.rest ?? parallel() })

/** What a failed item does to the others. */
export const onFailure = (strategy: Strategy): OnFailure =>
  strategy._tag === "Canary" ? strategy.rest.onFailure : strategy.onFailure

/** Items that run at the same time, up to a bound; where one of a `gate` fails, no later group is begun. */
export interface Group<A> {
  readonly items: ReadonlyArray<A>
  readonly concurrency: number
  readonly gate: boolean
}

/** The items as a strategy orders them: a group begins when the one before has ended. */
export const groups = <A>(strategy: Strategy, items: ReadonlyArray<A>): ReadonlyArray<Group<A>> => {
  switch (strategy._tag) {
    case "Parallel":
      return [{ items, concurrency: strategy.concurrency, gate: false }]
    case "Rolling": {
      const { batch } = strategy
      const batches = Array.from({ length: Math.ceil(items.length / batch) }, (_, n) => n * batch)
      return batches.map((from) => ({ items: items.slice(from, from + batch), concurrency: batch, gate: false }))
    }
    case "Canary": {
      const first = { items: items.slice(0, strategy.first), concurrency: strategy.first, gate: true }
      return [first, ...groups(strategy.rest, items.slice(strategy.first))]
    }
  }
}
