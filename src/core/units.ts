/** Formats milliseconds: `850 ms`, `1.2 s`, `2 min 5 s`. */
export const formatDuration = (millis: number): string => {
  if (millis < 1000) return `${Math.round(millis)} ms`
  // From 59.95 s on, one decimal would round to 60.0 s.
  if (millis < 59_950) return `${(millis / 1000).toFixed(1)} s`
  const seconds = Math.round(millis / 1000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** Formats a time limit: `60 s`, `10 minutes`. */
export const formatWait = (millis: number): string =>
  millis < 120_000 ? `${Math.round(millis / 100) / 10} s` : `${Math.round(millis / 60_000)} minutes`

/** Formats a byte count in powers of ten, as docker and podman do: `512 B`, `4.2 MB`. */
export const formatBytes = (count: number): string => {
  if (count < 1000) return `${count} B`
  let value = count / 1000
  for (const unit of ["kB", "MB", "GB"]) {
    // From 999.5 on, rounding would give 1000: use the next unit.
    if (value < 999.5) return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${unit}`
    value /= 1000
  }
  return `${value.toFixed(1)} TB`
}
