import { Cause, Effect, Exit } from "effect"
import { checkReturn } from "../../core/authorFunction.ts"
import { CurrentCapacity } from "../../core/capacity.ts"
import { collectAfter } from "../../core/collectGarbage.ts"
import { failureRecords } from "../../core/failureRecords.ts"
import { encodeKey } from "../../core/keys.ts"
import type { ForEachNode } from "../Node.ts"
import type { Outcome } from "../Outcome.ts"
import { withNodeEvents, type NodeEffect, type State } from "./nodeEvents.ts"
import { checkStrategy } from "../checkStrategy.ts"
import { type Gate, inOrder, type Item, ItemBlocked, blockedBy, type OrderedItem, waitsInBody } from "./order.ts"
import { groups, isStrategy, onFailure, type Strategy } from "../Strategy.ts"
import { readState } from "./stateReads.ts"
import type { Undos } from "./undos.ts"
import { addUndos } from "./wrapNodes.ts"

/** About how many bytes of garbage the nodes of an item leave. The runtime would let that of hundreds of servers pile up. */
const garbagePerItem = 200 * 1024

/** Returns the items with their keys and paths. If two have the same key, the second one gets a number. */
const itemsOf = (node: ForEachNode, state: State, path: string): ReadonlyArray<Item> => {
  const taken = new Set<string>()
  const label = JSON.stringify(node.name)
  const items = readState(`the items of ${label}`, state, (known) => node.items(known as never))
  return checkReturn(`the items of ${label}`, "a list", items, Array.isArray(items)).map((item, index) => {
    const name = node.key(item as never)
    checkReturn(`the key of ${label}`, "a string", name, typeof name === "string")
    let key = name
    for (let n = 2; taken.has(key); n++) key = `${name}#${n}`
    taken.add(key)
    return { index, path: `${path}[${encodeKey(key)}]`, key, name, value: item, state: { ...state, [node.as]: item } }
  })
}

/** Returns the strategy, which may depend on the state. */
const strategyOf = ({ name, strategy }: ForEachNode, state: State): Strategy => {
  if (typeof strategy !== "function") return strategy
  const label = `the strategy of ${JSON.stringify(name)}`
  const chosen = readState(label, state, (known) => strategy(known as never))
  return checkStrategy(name, checkReturn(label, "a strategy", chosen, isStrategy(chosen)))
}

/**
 * Runs the body of a forEach for each item, as the strategy says. Returns what was collected. `runBody` returns what the body
 * adds to the state.
 */
export const runForEach = (
  node: ForEachNode,
  state: State,
  path: string,
  undos: Undos,
  runBody: (state: State, path: string, gate?: Gate) => NodeEffect<State>
): NodeEffect<State> => {
  const items = Effect.gen(function* () {
    const strategy = strategyOf(node, state)
    const mode = onFailure(strategy)
    const isGated = waitsInBody(node)
    const exits = new Map<number, Exit.Exit<State, unknown>>()
    const succeeded: Array<string> = []
    /** The key of the item that failed first. */
    let failedKey: string | undefined
    let gateFailed = false
    /** Why no more items start, if so. */
    const stopped = () =>
      failedKey !== undefined && (gateFailed || mode !== "continue") ? blockedBy(failedKey) : undefined

    const outcomes = new Map<number, Outcome<unknown, unknown, unknown>>()
    const skipItem = (item: OrderedItem, skipped: string, _tag: "Skipped" | "NotStarted") => {
      const { end, index, key, path, value } = item
      outcomes.set(index, { _tag, item: value, key, reason: skipped })
      return Effect.andThen(
        withNodeEvents("item", path, Effect.void, () => ({ skipped })),
        end(skipped)
      )
    }

    const fail = ({ index, key, value }: OrderedItem, cause: Cause.Cause<unknown>) => {
      failedKey ??= key
      outcomes.set(index, { _tag: "Failed", item: value, key, cause, failures: failureRecords(cause) })
      exits.set(index, Exit.failCause(cause))
    }

    const startItem = (item: OrderedItem) => {
      const { end, index, path, state, wait } = item
      const gate = isGated && wait !== undefined ? { before: node.waitBefore ?? "", wait } : undefined
      const body: NodeEffect<State | ItemBlocked> = Effect.catchIf(
        runBody(state, path, gate),
        (error) => error instanceof ItemBlocked,
        (error) => Effect.succeed(error as ItemBlocked)
      )
      return withNodeEvents("item", path, body, (added) => {
        if (added instanceof ItemBlocked) return { skipped: added.reason }
        addUndos(node.body, { ...state, ...added }, path, undos)
        return {}
      }).pipe(
        Effect.flatMap((added) => {
          if (added instanceof ItemBlocked) {
            outcomes.set(index, { _tag: "Skipped", item: item.value, key: item.key, reason: added.reason })
            return end(added.reason)
          }
          succeeded.push(path)
          exits.set(index, Exit.succeed({ ...state, ...added }))
          return end(undefined)
        }),
        // Collect failures instead of failing, which would interrupt the other items in the middle of their work.
        Effect.catchCause((cause) => {
          fail(item, cause)
          return end(blockedBy(item.key))
        }),
        Effect.tap(() => Effect.sync(() => collectAfter(garbagePerItem)))
      )
    }

    const runItem = (item: OrderedItem): NodeEffect<unknown> =>
      Effect.suspend(() => {
        const reason = stopped()
        if (reason !== undefined) return skipItem(item, reason, "NotStarted")
        if (isGated || item.wait === undefined) return startItem(item)
        return Effect.flatMap(item.wait, (blocked) => {
          if (blocked !== undefined) return skipItem(item, blocked, "Skipped")
          const reason = stopped()
          return reason === undefined ? startItem(item) : skipItem(item, reason, "NotStarted")
        })
      })

    const { ended } = node
    const runToEnd = (item: OrderedItem) =>
      ended === undefined
        ? runItem(item)
        : Effect.ensuring(
            runItem(item),
            Effect.catchCause(
              Effect.suspend(() => ended(item.value as never, item.state as never)),
              (cause) => Effect.sync(() => fail(item, cause))
            )
          )

    const { items: capacity } = yield* CurrentCapacity
    const all = itemsOf(node, state, path)
    for (const group of groups(strategy, inOrder(node, all), capacity)) {
      yield* Effect.forEach(group.items, runToEnd, { concurrency: group.concurrency, discard: true })
      gateFailed ||= group.gate && failedKey !== undefined
    }
    const inTheirOrder = [...exits].sort(([a], [b]) => a - b).map(([, exit]) => exit)
    const reasons = inTheirOrder.filter(Exit.isFailure).flatMap((exit) => exit.cause.reasons)
    const { collect } = node
    const hasOutcomes = collect?.outcomes === true
    if (reasons.length > 0 && hasOutcomes) {
      if (mode === "undo") yield* undos.undo(path)
    } else if (reasons.length > 0) {
      if (mode === "undo") yield* undos.undo(path)
      else for (const item of succeeded) undos.keep(item)
      // The forEach has decided about its items, so the enclosing pipeline must not undo them when it fails.
      undos.forget(path)
      return yield* Effect.failCause(Cause.fromReasons(reasons))
    }
    if (collect === undefined) return {}
    const valueOf = (state: State) =>
      readState(`the collect of ${JSON.stringify(node.name)}`, state, (known) => collect.value(known as never))
    if (!hasOutcomes) return { [collect.as]: inTheirOrder.filter(Exit.isSuccess).map(({ value }) => valueOf(value)) }
    const _tag = reasons.length > 0 && mode === "undo" ? "Undone" : "Succeeded"
    const values = all.map(({ index, key, value: item }) => {
      const exit = exits.get(index)
      return exit !== undefined && Exit.isSuccess(exit)
        ? { _tag, item, key, value: valueOf(exit.value) }
        : outcomes.get(index)
    })
    return { [collect.as]: values }
  })
  return withNodeEvents("forEach", path, items)
}
