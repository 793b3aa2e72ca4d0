import { Cause, Effect, Exit } from "effect"
import { checkReturn } from "../../core/authorFunction.ts"
import { encodeKey } from "../../core/keys.ts"
import type { ForEachNode } from "../Node.ts"
import { withNodeEvents, type NodeEffect, type State } from "./nodeEvents.ts"
import { groups, onFailure } from "../Strategy.ts"
import type { Undos } from "./undos.ts"

/** An item by its path. */
interface Item {
  readonly at: string
  readonly key: string
  readonly state: State
}

/** The items by their paths; where two have the same key, the second has a number to it. */
const itemsOf = (node: ForEachNode, state: State, path: string): ReadonlyArray<Item> => {
  const taken = new Set<string>()
  const items = node.items(state as never)
  const called = JSON.stringify(node.name)
  return checkReturn(`items of ${called}`, "a list", items, Array.isArray(items)).map((item) => {
    const name = node.key(item as never)
    checkReturn(`key of ${called}`, "a text", name, typeof name === "string")
    let key = name
    for (let n = 2; taken.has(key); n++) key = `${name}#${n}`
    taken.add(key)
    return { at: `${path}[${encodeKey(key)}]`, key, state: { ...state, [node.as]: item } }
  })
}

/** Runs the body of a forEach for each item, as its strategy says; the state with what is collected. */
export const runForEach = (
  node: ForEachNode,
  state: State,
  path: string,
  undos: Undos,
  runBody: (state: State, path: string) => NodeEffect<State>
): NodeEffect<State> => {
  const mode = onFailure(node.strategy)
  const whole = Effect.gen(function* () {
    const exits: Array<Exit.Exit<State, unknown>> = []
    let failed: string | undefined
    let closed = false
    for (const group of groups(node.strategy, itemsOf(node, state, path))) {
      const ended = yield* Effect.forEach(
        group.items,
        ({ at, key, state }) => {
          if (failed !== undefined && (closed || mode !== "continue")) {
            const skipped = `not begun, because ${failed} failed`
            return Effect.as(
              withNodeEvents("item", at, Effect.void, () => ({ skipped })),
              undefined
            )
          }
          return withNodeEvents("item", at, runBody(state, at)).pipe(
            Effect.onError(() => Effect.sync(() => void (failed ??= key))),
            // An item's failure is kept, so that its neighbours are not cut off in the middle of their work.
            Effect.exit
          )
        },
        { concurrency: group.concurrency }
      )
      for (const exit of ended) if (exit !== undefined) exits.push(exit)
      closed ||= group.gate && failed !== undefined
    }
    const reasons = exits.filter(Exit.isFailure).flatMap((exit) => exit.cause.reasons)
    if (reasons.length > 0) {
      if (mode === "undo") yield* undos.undo(path)
      // What the others did stays done, whatever their pipeline does now that it has failed.
      undos.forget(path)
      return yield* Effect.failCause(Cause.fromReasons(reasons))
    }
    const { collect } = node
    if (collect === undefined) return state
    const values = exits.filter(Exit.isSuccess).map((exit) => collect.value(exit.value as never))
    return { ...state, [collect.as]: values }
  })
  return withNodeEvents("forEach", path, whole)
}
