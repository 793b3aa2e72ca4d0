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

/** A time as it can be typed: `10 minutes`, in the greatest unit of which it is a whole number. */
const time = (value: Duration.Duration): string => {
  const millis = Duration.toMillis(value)
  const [unit, size] = units.find(([, size]) => millis >= size && millis % size === 0) ?? units[4]
  return Number.isSafeInteger(millis) ? `${millis / size} ${unit}${millis === size ? "" : "s"}` : String(value)
}

/** A flag's default as it is shown. */
export const shownDefault = (value: unknown): string => {
  if (Array.isArray(value)) return value.map(shownDefault).join(", ")
  return printable(Duration.isDuration(value) ? time(value) : String(value))
}

/** A time as every codec of durations takes it. */
const example = 'such as "10 minutes"'

const isTime = (ast: SchemaAST.AST): boolean => SchemaAST.resolve(SchemaAST.toType(ast))?.["expected"] === "Duration"

/** What values there are of a type; nothing where help lists them itself. */
const meaning = (ast: SchemaAST.AST): string => {
  const type = SchemaAST.toType(ast)
  const { expected } = SchemaAST.resolve(type) ?? {}
  if (isTime(ast)) return `a time, ${example}`
  if (typeof expected === "string") return SchemaAST.isDeclaration(type) ? `a ${expected}` : expected
  if (SchemaAST.isString(type)) return "a text"
  if (SchemaAST.isNumber(type)) return "a number"
  return SchemaAST.isBoolean(type) ? "a switch" : ""
}

const described = (field: Field): string | undefined => {
  const key: unknown = field.ast.context?.annotations?.["description"]
  return typeof key === "string" ? key : SchemaAST.resolveDescription(field.ast)
}

/** What a flag is for, or else what it takes, with more that is to be known of it. `item` is that of a list. */
export const flagHelp = (field: Field, item: SchemaAST.AST | undefined, said: string): string => {
  const list = item === undefined ? "" : "may be given several times"
  const what = described(field)
  const form = what !== undefined && isTime(item ?? field.ast) ? example : ""
  const more = [list, form, said].filter((part) => part !== "").join("; ")
  const text = printable(what ?? meaning(item ?? field.ast))
  return [text, more === "" ? "" : `(${more})`].filter((part) => part !== "").join(" ")
}
