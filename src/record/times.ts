const two = (value: number): string => String(value).padStart(2, "0")

/** `2026-11-23 15:59:03`, in the local time of who reads it. */
export const moment = (millis: number): string => {
  const at = new Date(millis)
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-")
  return `${date} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":")}`
}

const steps = [
  ["min", 60_000],
  ["h", 3_600_000],
  ["days", 86_400_000]
] as const

/** `just now`, `5 min ago`, `26 h ago`, `3 days ago`. */
export const ago = (millis: number): string => {
  // Two of the larger before the smaller is given up; a clock that was set back is now.
  const [unit, length] = steps.findLast(([unit, length]) => millis >= length * (unit === "days" ? 2 : 1)) ?? []
  return unit === undefined || length === undefined ? "just now" : `${Math.floor(millis / length)} ${unit} ago`
}
