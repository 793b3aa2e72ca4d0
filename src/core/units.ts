/** `1.2 s`, `850 ms`, `2 min 5 s`. */
export const formatDuration = (millis: number): string => {
  if (millis < 1000) return `${Math.round(millis)} ms`
  // What would be rounded to 60.0 s is a minute.
  if (millis < 59_950) return `${(millis / 1000).toFixed(1)} s`
  const seconds = Math.round(millis / 1000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** `512 B`, `4.2 MB`; in powers of ten, as engines print sizes. */
export const formatBytes = (count: number): string => {
  if (count < 1000) return `${count} B`
  let value = count / 1000
  for (const unit of ["kB", "MB", "GB"]) {
    // What would be rounded to a thousand is one of the next.
    if (value < 999.5) return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${unit}`
    value /= 1000
  }
  return `${value.toFixed(1)} TB`
}
