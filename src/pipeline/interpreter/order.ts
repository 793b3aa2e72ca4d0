import { Deferred, Effect } from "effect"
import { checkReturn, runAuthorFunction } from "../../core/authorFunction.ts"
import { type ForEachNode, namedNodes, type Wait } from "../Node.ts"
import { CircularOrder } from "../PipelineError.ts"
import type { State } from "./nodeEvents.ts"
import { readState } from "./stateReads.ts"

/** Where an item waits in the middle of its body. */
export interface Gate {
  readonly before: string
  /** Returns why the item must not continue, if so. */
  readonly wait: Wait
}

/** Ends the body of an item that must not continue. The forEach turns it into a skipped item. */
export class ItemBlocked {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

/** An item of a forEach. */
export interface Item {
  readonly index: number
  readonly path: string
  /** Unique: a second item with the same name has another key. */
  readonly key: string
  readonly name: string
  readonly value: unknown
  readonly state: State
}

/** An item that may wait for others. */
export interface OrderedItem extends Item {
  /** Undefined if it waits for nothing. */
  readonly wait: Wait | undefined
  /** Tells those that wait for this item that it has ended, and why they must not start, if so. */
  readonly end: (reason: string | undefined) => Effect.Effect<unknown>
}

/** Returns why the items after a failed one do not start. */
export const blockedBy = (failedKey: string): string => `not started because ${failedKey} failed`

/** Returns whether the items wait in the middle of their body, and not before it. */
export const waitsInBody = ({ body, waitBefore }: ForEachNode): boolean =>
  waitBefore !== undefined && body.nodes.flatMap(namedNodes).some(({ name }) => name === waitBefore)

/** Puts each item behind those that it waits for, and otherwise keeps the order. */
const sort = <I extends Item>(node: string, items: ReadonlyArray<I>, others: (item: I) => ReadonlyArray<I>) => {
  const sorted = new Set<I>()
  const visit = (item: I, path: ReadonlyArray<I>) => {
    if (sorted.has(item)) return
    if (path.includes(item)) {
      throw new CircularOrder({ node, keys: path.slice(path.indexOf(item)).map(({ key }) => key) })
    }
    for (const other of others(item)) visit(other, [...path, item])
    sorted.add(item)
  }
  for (const item of items) visit(item, [])
  return [...sorted]
}

/**
 * Returns the items in an order in which each can wait for those before it. A strategy that starts them in this order
 * cannot make one wait for another that never starts.
 */
export const inOrder = (node: ForEachNode, items: ReadonlyArray<Item>): ReadonlyArray<OrderedItem> => {
  const { after, name } = node
  if (after === undefined) return items.map((item) => ({ ...item, wait: undefined, end: () => Effect.void }))
  const label = `the after of ${JSON.stringify(name)}`
  const withEnds = items.map((item) => ({ ...item, ended: Deferred.makeUnsafe<string | undefined>() }))
  const waits = new Map(
    withEnds.map((item) => {
      const list = readState(label, item.state, (state) => after(item.value as never, state as never))
      const isList = Array.isArray(list) && list.every((each) => typeof each === "string" || Effect.isEffect(each))
      return [item, checkReturn(label, "a list of keys and Effects", list, isList)] as const
    })
  )
  const others = (item: (typeof withEnds)[number]) =>
    (waits.get(item) ?? []).flatMap((wait) =>
      typeof wait === "string" ? withEnds.filter((other) => other.name === wait) : []
    )
  return sort(name, withEnds, others).map((item) => {
    const { ended, ...rest } = item
    const items = others(item).map((other) => Deferred.await(other.ended))
    const effects = (waits.get(item) ?? []).flatMap((wait) =>
      typeof wait === "string" ? [] : [runAuthorFunction(label, after, () => wait)]
    )
    const all = [...items, ...effects]
    return {
      ...rest,
      wait: all.length === 0 ? undefined : firstReason(all),
      end: (reason) => Deferred.succeed(ended, reason)
    }
  })
}

/** Waits for one after the other. Returns the first reason. */
const firstReason = (waits: ReadonlyArray<Wait>): Wait =>
  Effect.gen(function* () {
    for (const wait of waits) {
      const reason = yield* wait
      if (reason !== undefined) return reason
    }
    return undefined
  })
