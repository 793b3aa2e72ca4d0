import { Duration, Schema, SchemaTransformation } from "effect"
import type { Docs } from "./fields.ts"

const units = [
  ["ms|millis(?:econds?)?", 1],
  ["s|sec(?:ond)?s?", 1000],
  ["m|min(?:ute)?s?", 60_000],
  ["h|hours?", 3_600_000],
  ["d|days?", 86_400_000]
] as const

const part = `\\d+(?:\\.\\d+)? ?(?:${units.map(([names]) => names).join("|")})`
const pattern = new RegExp(`^${part}(?: ?${part})*$`, "u")

const millis = (value: string): number =>
  [...value.matchAll(/(\d+(?:\.\d+)?) ?([a-z]+)/gu)].reduce((sum, [, amount, unit = ""]) => {
    const size = units.find(([names]) => new RegExp(`^(?:${names})$`, "u").test(unit))?.[1] ?? 0
    return sum + Number(amount) * size
  }, 0)

const maxMillis = millis("24h")

const durationSchema = (problem: (length: number) => string | undefined, docs: Partial<Docs>) =>
  Schema.String.check(
    Schema.makeFilter((value) => (pattern.test(value) ? problem(millis(value)) : false), {
      expected: 'a duration such as 500ms, 10s, 1m30s, 2h or "10 minutes"',
      toJsonSchema: () => [{ pattern: pattern.source }, true]
    })
  )
    .annotate({ ...docs })
    .pipe(
      Schema.decodeTo(
        Schema.Duration,
        SchemaTransformation.transform({
          decode: (value: string) => Duration.millis(millis(value)),
          encode: (value: Duration.Duration) => `${Duration.toMillis(value)}ms`
        })
      )
    )

/** The schema of a duration in a flag: `500ms`, `10s`, `1m30s`, `2h`, `10 minutes`. */
export const durationFlag = durationSchema(() => undefined, {})

/** The schema of a duration in deploy.yml: from `minMillis` to a day. */
export const duration = (minMillis: number, docs: Docs) =>
  durationSchema((length) => {
    if (length < minMillis) return `must be at least ${minMillis}ms`
    return length > maxMillis ? "must be at most 24h" : undefined
  }, docs)
