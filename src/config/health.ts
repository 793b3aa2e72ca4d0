/** Statuses of HTTP answers, from the lowest to the highest. */
export interface StatusRange {
  readonly from: number
  readonly to: number
}

const shape = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/u

/** Parses `204` or `200-399`. Returns an error message if it is invalid. */
export const parseStatus = (text: string): StatusRange | string => {
  const [, from, to = from] = shape.exec(text) ?? []
  if (from === undefined) return "must be an HTTP status such as 204, or a range such as 200-399"
  return Number(to) < Number(from)
    ? `must begin with the lower status: ${to}-${from}`
    : { from: Number(from), to: Number(to) }
}
