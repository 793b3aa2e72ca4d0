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

const longest = millis("24h")

const written = (fault: (length: number) => string | undefined, docs: Partial<Docs>) =>
  Schema.String.check(
    Schema.makeFilter((value) => (pattern.test(value) ? fault(millis(value)) : false), {
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

/** A duration as it is typed: `500ms`, `10s`, `1m30s`, `2h`, `10 minutes`. */
export const durationFlag = written(() => undefined, {})

/** One of deploy.yml: from `least` milliseconds to a day. */
export const duration = (least: number, docs: Docs) =>
  written((length) => {
    if (length < least) return `must be at least ${least}ms`
    return length > longest ? "must be at most 24h" : undefined
  }, docs)
