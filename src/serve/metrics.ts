/** The upper bounds of the buckets of times in the queue, in seconds. */
const bounds = [0.1, 1, 10, 60, 600, 3600] as const

/** Counts what has happened since this process started, as Prometheus expects of counters. */
export class RunCounts {
  readonly #ended = new Map<string, number>()
  readonly #buckets: Array<number> = bounds.map(() => 0)
  #starts = 0
  #seconds = 0

  ended(status: string): void {
    this.#ended.set(status, (this.#ended.get(status) ?? 0) + 1)
  }

  /** A run has left the queue after a time in milliseconds. */
  started(millis: number): void {
    const seconds = Math.max(0, millis) / 1000
    this.#starts++
    this.#seconds += seconds
    bounds.forEach((bound, index) => {
      if (seconds <= bound) this.#buckets[index] = (this.#buckets[index] ?? 0) + 1
    })
  }

  /** The counts in the text format of Prometheus, with the current number of runs by status. */
  text(now: Readonly<Record<"queued" | "running" | "waiting", number>>): string {
    const ended = ["succeeded", "failed", "cancelled", "interrupted"].map(
      (status) => `jiji_runs_ended_total{status="${status}"} ${this.#ended.get(status) ?? 0}`
    )
    return `${[
      "# HELP jiji_runs Runs that have not ended.",
      "# TYPE jiji_runs gauge",
      ...Object.entries(now).map(([status, count]) => `jiji_runs{status="${status}"} ${count}`),
      "# HELP jiji_runs_ended_total Runs that have ended since jiji serve started.",
      "# TYPE jiji_runs_ended_total counter",
      ...ended,
      "# HELP jiji_queue_seconds How long runs were in the queue before they started.",
      "# TYPE jiji_queue_seconds histogram",
      ...bounds.map((bound, index) => `jiji_queue_seconds_bucket{le="${bound}"} ${this.#buckets[index]}`),
      `jiji_queue_seconds_bucket{le="+Inf"} ${this.#starts}`,
      `jiji_queue_seconds_sum ${this.#seconds}`,
      `jiji_queue_seconds_count ${this.#starts}`
    ].join("\n")}\n`
  }
}
