import { Result } from "effect"
import { parseReference, parseWord, type Reference } from "../../config/references.ts"
import type { Occurrence } from "./occurrences.ts"

/** The longest word that an event can put into a command. */
const maxLength = 4096

const field = (payload: unknown, path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined,
    payload
  )

/** The value of a reference; fails with a reason if the event does not have it. */
const valueOf = (reference: Reference, { payload, values }: Occurrence): Result.Result<unknown, string> => {
  if (reference._tag === "Text") return Result.succeed(reference.text)
  const name = reference._tag === "Name" ? `$${reference.name}` : `$.${reference.path.join(".")}`
  const value = reference._tag === "Name" ? values[reference.name] : field(payload, reference.path)
  return value === undefined || value === null ? Result.fail(`the event has no ${name}`) : Result.succeed(value)
}

/** A word of a command. What comes from outside can be a value, but never a flag. */
const resolveWord = (word: string, occurrence: Occurrence): Result.Result<string, string> => {
  const parsed = parseWord(word)
  if (typeof parsed === "string") return Result.fail(parsed)
  return Result.flatMap(valueOf(parsed.value, occurrence), (value): Result.Result<string, string> => {
    if (parsed.value._tag === "Text") return Result.succeed(`${parsed.before}${String(value)}`)
    if (typeof value === "object") return Result.fail(`${word} is not a text in this event`)
    const text = String(value)
    if (parsed.before === "" && text.startsWith("-")) return Result.fail(`${word} begins with - in this event`)
    if (text.length > maxLength) return Result.fail(`${word} is too long in this event`)
    return Result.succeed(`${parsed.before}${text}`)
  })
}

/** The words of a command, with the values of an event. */
export const resolveWords = (
  words: ReadonlyArray<string>,
  occurrence: Occurrence
): Result.Result<ReadonlyArray<string>, string> => Result.all(words.map((word) => resolveWord(word, occurrence)))

const resolveValue = (value: unknown, occurrence: Occurrence): Result.Result<unknown, string> => {
  if (Array.isArray(value)) return Result.all(value.map((each: unknown) => resolveValue(each, occurrence)))
  if (typeof value === "object" && value !== null)
    return resolveInput(Object.fromEntries(Object.entries(value)), occurrence)
  if (typeof value !== "string") return Result.succeed(value)
  const reference = parseReference(value)
  return typeof reference === "string" ? Result.fail(reference) : valueOf(reference, occurrence)
}

/** The input of a pipeline, with the values of an event. */
export const resolveInput = (
  input: Readonly<Record<string, unknown>>,
  occurrence: Occurrence
): Result.Result<Readonly<Record<string, unknown>>, string> =>
  Result.all(
    Object.fromEntries(Object.entries(input).map(([key, value]) => [key, resolveValue(value, occurrence)] as const))
  )
