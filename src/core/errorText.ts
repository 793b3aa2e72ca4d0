import { Formatter, PlatformError, Result, Schema } from "effect"
import { systemErrorText } from "./systemError.ts"
import { cut } from "./text.ts"

/** The folder of jiji's own sources, if it runs from them. */
const ownSource = `${import.meta.dir.replace(/\/src\/core$/, "/src")}/`

/** Returns `FILE:LINE` of the first stack frame that is neither in node_modules nor in jiji. */
export const sourceLocation = (error: unknown): string | undefined =>
  error instanceof Error
    ? [...(error.stack ?? "").matchAll(/(?:\(|at (?:async )?)(\/[^\n()]+?:\d+)(?::\d+)?\)?$/gm)]
        .map(([, location = ""]) => location)
        .find((location) => !/\/node_modules\/|^\/\$bunfs\//.test(location) && !location.startsWith(ownSource))
    : undefined

/** `FILE:LINE` of an error in the author's files, if known. */
export const Location = Schema.optionalKey(Schema.String)

/** Returns ` (at FILE:LINE)`, or an empty string if the location is unknown. */
export const locationSuffix = (location: string | undefined): string =>
  location === undefined ? "" : ` (at ${location})`

/** Returns the `_tag` of an error, if it has one. */
export const tagOf = (error: unknown): string | undefined =>
  typeof error === "object" && error !== null && "_tag" in error && typeof error._tag === "string"
    ? error._tag
    : undefined

/** How many characters of a formatted value are kept. */
const maxLength = 1000

const formatValue = (value: unknown): string =>
  Result.getOrElse(
    Result.try(() => cut(Formatter.format(value), maxLength)),
    () => "an unprintable value"
  )

/** Returns a text for any value that a step failed or died with: the error's message, or its tag and fields. */
export const messageOf = (error: unknown): string => {
  if (typeof error === "string") return error
  if (PlatformError.isPlatformError(error)) return systemErrorText(error).replace("cannot", "Cannot")
  if (error instanceof Error && error.message !== "") return error.message
  const tag = tagOf(error) ?? (error instanceof Error ? error.name : undefined)
  if (typeof error !== "object" || error === null || tag === undefined) return formatValue(error)
  const fields = Object.entries(error).filter(([key]) => key !== "_tag" && key !== "name")
  return fields.length === 0 ? tag : `${tag} ${formatValue(Object.fromEntries(fields))}`
}
