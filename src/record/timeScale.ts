/** Possible intervals between the ticks of the time axis, in milliseconds. */
const tickIntervals = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000].concat(
  [1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440, 10_080].map((minutes) => minutes * 60_000)
)

/** `0`, `500 ms`, `2.5 s`, `2 min`, `3 h`. */
const tickLabel = (millis: number): string => {
  if (millis === 0) return "0"
  if (millis < 1000) return `${millis} ms`
  if (millis < 60_000) return `${millis / 1000} s`
  return millis < 3_600_000 ? `${millis / 60_000} min` : `${millis / 3_600_000} h`
}

/** Maps times between the start and the end of a run to CSS percentages. */
export const timeScale = (began: number, millis: number) => {
  const duration = Math.max(1, millis)
  const percent = (part: number): string => `${Math.min(100, Math.max(0, (part / duration) * 100)).toFixed(2)}%`
  const interval = tickIntervals.find((interval) => duration / interval <= 6) ?? duration
  return {
    /** The position of a point in time. */
    at: (time: number): string => percent(time - began),
    /** The width of a time span. */
    width: (from: number, to: number): string => percent(Math.max(0, to - from)),
    ticks: Array.from({ length: Math.floor(duration / interval) + 1 }, (_, index) => ({
      at: percent(index * interval),
      label: tickLabel(index * interval)
    })),
    /** The distance between two ticks. */
    tickDistance: percent(interval)
  }
}
export type TimeScale = ReturnType<typeof timeScale>
