/** How the items of a forEach are run. */
export interface Strategy {
  /** How many at a time. */
  readonly concurrency: number
  /** Whether items that have not begun still run after one has failed. Those that run already always finish. */
  readonly onFailure: "stop" | "continue"
}

/** All at once, up to a bound. What one item's failure does not touch goes on. */
export const parallel = (options?: {
  readonly concurrency?: number
  readonly onFailure?: "stop" | "continue"
}): Strategy => ({
  concurrency: options?.concurrency ?? 32,
  onFailure: options?.onFailure ?? "continue"
})

/** In batches of a size, one after another; a failure stops what has not begun. */
export const rolling = (options?: { readonly batch?: number; readonly onFailure?: "stop" | "continue" }): Strategy => ({
  concurrency: options?.batch ?? 1,
  onFailure: options?.onFailure ?? "stop"
})
