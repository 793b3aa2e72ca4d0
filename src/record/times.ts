const two = (value: number): string => String(value).padStart(2, "0")

/** `2026-11-23 15:59:03`, in local time. */
export const formatDateTime = (millis: number): string => {
  const local = new Date(millis)
  const date = [local.getFullYear(), two(local.getMonth() + 1), two(local.getDate())].join("-")
  return `${date} ${[local.getHours(), local.getMinutes(), local.getSeconds()].map(two).join(":")}`
}

const units = [
  ["min", 60_000],
  ["h", 3_600_000],
  ["days", 86_400_000]
] as const

/** `just now`, `5 min ago`, `26 h ago`, `3 days ago`. */
export const formatAgo = (millis: number): string => {
  // Hours are clearer than `1 day ago`, so days start at two. A negative time comes from a clock that was set back.
  const [unit, length] = units.findLast(([unit, length]) => millis >= length * (unit === "days" ? 2 : 1)) ?? []
  return unit === undefined || length === undefined ? "just now" : `${Math.floor(millis / length)} ${unit} ago`
}
