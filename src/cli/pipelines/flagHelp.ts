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
const durationNote = 'such as "10 minutes"'

export const isDuration = (ast: SchemaAST.AST): boolean =>
  SchemaAST.resolve(SchemaAST.toType(ast))?.["expected"] === "Duration"

/** What the placeholder of a flag shows of its values. */
const shownTypes: ReadonlySet<unknown> = new Set(["an integer", "a finite number"])

/** A note about the values of a type; empty if the flag's placeholder says enough. */
const typeNote = (ast: SchemaAST.AST): string => {
  const type = SchemaAST.toType(ast)
  const { expected } = SchemaAST.resolve(type) ?? {}
  if (isDuration(ast)) return durationNote
  if (typeof expected !== "string" || shownTypes.has(expected)) return ""
  return SchemaAST.isDeclaration(type) && !expected.startsWith("a ") ? `a ${expected}` : expected
}

const descriptionOf = (field: Field): string => {
  const key: unknown = field.ast.context?.annotations?.["description"]
  return typeof key === "string" ? key : (SchemaAST.resolveDescription(field.ast) ?? "")
}

/**
 * The help of a flag: its description if it has one, and notes in parentheses: its values, and whether it is required or
 * what its default is. `item` is the item type of a list.
 */
export const flagHelp = (field: Field, item: SchemaAST.AST | undefined, note: string): string => {
  const notes = [typeNote(item ?? field.ast), item === undefined ? "" : "can be repeated", note]
  const text = notes.filter((part) => part !== "").join("; ")
  return [printable(descriptionOf(field)), text === "" ? "" : `(${printable(text)})`]
    .filter((part) => part !== "")
    .join(" ")
}
