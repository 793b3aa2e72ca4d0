import { Cause, Effect, Exit } from "effect"
import { checkReturn } from "../../core/authorFunction.ts"
import { CurrentCapacity } from "../../core/capacity.ts"
import { collectAfter } from "../../core/collectGarbage.ts"
import { encodeKey } from "../../core/keys.ts"
import type { ForEachNode } from "../Node.ts"
import { withNodeEvents, type NodeEffect, type State } from "./nodeEvents.ts"
import { groups, onFailure } from "../Strategy.ts"
import { readState } from "./stateReads.ts"
import type { Undos } from "./undos.ts"

/** About how many bytes of garbage the nodes of an item leave. The runtime would let that of hundreds of servers pile up. */
const garbagePerItem = 200 * 1024

interface Item {
  readonly path: string
  readonly key: string
  readonly state: State
}

/** Returns the items with their keys and paths. If two have the same key, the second one gets a number. */
const itemsOf = (node: ForEachNode, state: State, path: string): ReadonlyArray<Item> => {
  const taken = new Set<string>()
  const label = JSON.stringify(node.name)
  const items = readState(`the items of ${label}`, state, (known) => node.items(known as never))
  return checkReturn(`the items of ${label}`, "a list", items, Array.isArray(items)).map((item) => {
    const name = node.key(item as never)
    checkReturn(`the key of ${label}`, "a string", name, typeof name === "string")
    let key = name
    for (let n = 2; taken.has(key); n++) key = `${name}#${n}`
    taken.add(key)
    return { path: `${path}[${encodeKey(key)}]`, key, state: { ...state, [node.as]: item } }
  })
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
  runBody: (state: State, path: string) => NodeEffect<State>
): NodeEffect<State> => {
  const mode = onFailure(node.strategy)
  const items = Effect.gen(function* () {
    const exits: Array<Exit.Exit<State, unknown>> = []
    const succeeded: Array<string> = []
    /** The key of the item that failed first. */
    let failedKey: string | undefined
    let gateFailed = false
    const { items: capacity } = yield* CurrentCapacity
    for (const group of groups(node.strategy, itemsOf(node, state, path), capacity)) {
      const ended = yield* Effect.forEach(
        group.items,
        ({ key, path, state }) => {
          if (failedKey !== undefined && (gateFailed || mode !== "continue")) {
            const skipped = `not started because ${failedKey} failed`
            return Effect.as(
              withNodeEvents("item", path, Effect.void, () => ({ skipped })),
              undefined
            )
          }
          return withNodeEvents("item", path, runBody(state, path)).pipe(
            Effect.map((added) => {
              succeeded.push(path)
              return { ...state, ...added }
            }),
            Effect.onError(() => Effect.sync(() => void (failedKey ??= key))),
            // Collect failures instead of failing, which would interrupt the other items in the middle of their work.
            Effect.exit,
            Effect.tap(() => Effect.sync(() => collectAfter(garbagePerItem)))
          )
        },
        { concurrency: group.concurrency }
      )
      for (const exit of ended) if (exit !== undefined) exits.push(exit)
      gateFailed ||= group.gate && failedKey !== undefined
    }
    const reasons = exits.filter(Exit.isFailure).flatMap((exit) => exit.cause.reasons)
    if (reasons.length > 0) {
      if (mode === "undo") yield* undos.undo(path)
      else for (const item of succeeded) undos.keep(item)
      // The forEach has decided about its items, so the enclosing pipeline must not undo them when it fails.
      undos.forget(path)
      return yield* Effect.failCause(Cause.fromReasons(reasons))
    }
    const { collect } = node
    if (collect === undefined) return {}
    const values = exits
      .filter(Exit.isSuccess)
      .map((exit) =>
        readState(`the collect of ${JSON.stringify(node.name)}`, exit.value, (known) => collect.value(known as never))
      )
    return { [collect.as]: values }
  })
  return withNodeEvents("forEach", path, items)
}
