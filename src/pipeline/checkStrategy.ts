import { InvalidStrategy } from "./PipelineError.ts"
import type { Strategy } from "./Strategy.ts"

const counts = (strategy: Strategy): ReadonlyArray<readonly [option: string, value: number]> => {
  switch (strategy._tag) {
    case "Parallel":
      return strategy.concurrency === undefined ? [] : [["concurrency", strategy.concurrency]]
    case "Rolling":
      return [["batch", strategy.batch]]
    case "Canary":
      return [["first", strategy.first], ...counts(strategy.rest)]
  }
}

/** Returns the strategy of a forEach, or throws {@link InvalidStrategy}. */
export const checkStrategy = (node: string, strategy: Strategy): Strategy => {
  for (const [option, value] of counts(strategy)) {
    if (!Number.isInteger(value) || value < 1) throw new InvalidStrategy({ node, option, value: String(value) })
  }
  return strategy
}
