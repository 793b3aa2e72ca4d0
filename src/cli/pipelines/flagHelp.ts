import { Duration, SchemaAST } from "effect"
import type { LoadedPipeline } from "./load.ts"
import { printable } from "../../core/text.ts"

type Field = LoadedPipeline["flags"]["fields"][string]

const units = [
  ["day", 24 * 60 * 60 * 1000],
  ["hour", 60 * 60 * 1000],
  ["minute", 60 * 1000],
  ["second", 1000],
  ["milli", 1]
] as const

/** A duration as the user can type it: `10 minutes`, in the largest unit that needs no fraction. */
const formatDuration = (value: Duration.Duration): string => {
  const millis = Duration.toMillis(value)
  const [unit, size] = units.find(([, size]) => millis >= size && millis % size === 0) ?? units[4]
  return Number.isSafeInteger(millis) ? `${millis / size} ${unit}${millis === size ? "" : "s"}` : String(value)
}

/** The default of a flag, for its help. */
export const formatDefault = (value: unknown): string => {
  if (Array.isArray(value)) return value.map(formatDefault).join(", ")
  return printable(Duration.isDuration(value) ? formatDuration(value) : String(value))
}

/** In a form that every codec of durations accepts. */
const durationExample = 'such as "10 minutes"'

const isDuration = (ast: SchemaAST.AST): boolean =>
  SchemaAST.resolve(SchemaAST.toType(ast))?.["expected"] === "Duration"

/** The values of a type; empty if the flag shows them anyway. */
const typeText = (ast: SchemaAST.AST): string => {
  const type = SchemaAST.toType(ast)
  const { expected } = SchemaAST.resolve(type) ?? {}
  if (isDuration(ast)) return `a duration, ${durationExample}`
  if (typeof expected === "string") return SchemaAST.isDeclaration(type) ? `a ${expected}` : expected
  return ""
}

const descriptionOf = (field: Field): string | undefined => {
  const key: unknown = field.ast.context?.annotations?.["description"]
  return typeof key === "string" ? key : SchemaAST.resolveDescription(field.ast)
}

/** The help of a flag: its description or else its type, and notes in parentheses. `item` is the item type of a list. */
export const flagHelp = (field: Field, item: SchemaAST.AST | undefined, note: string): string => {
  const repeat = item === undefined ? "" : "can be repeated"
  const description = descriptionOf(field)
  const example = description !== undefined && isDuration(item ?? field.ast) ? durationExample : ""
  const notes = [repeat, example, note].filter((part) => part !== "").join("; ")
  const text = printable(description ?? typeText(item ?? field.ast))
  return [text, notes === "" ? "" : `(${notes})`].filter((part) => part !== "").join(" ")
}
