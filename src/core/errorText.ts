import { Formatter, Result, Schema } from "effect"

/** This program's own sources, where it runs from them. */
const own = `${import.meta.dir.replace(/\/src\/core$/, "/src")}/`

/** `FILE:LINE` of the first frame of an error that is neither in a package nor part of the program itself. */
export const placeOf = (error: unknown): string | undefined =>
  error instanceof Error
    ? [...(error.stack ?? "").matchAll(/(?:\(|at (?:async )?)(\/[^\n()]+?:\d+)(?::\d+)?\)?$/gm)]
        .map(([, place = ""]) => place)
        .find((place) => !/\/node_modules\/|^\/\$bunfs\//.test(place) && !place.startsWith(own))
    : undefined

/** `FILE:LINE` of an error in the author's files, if known. */
export const Place = Schema.optionalKey(Schema.String)

/** The end of a sentence that says where a fault is, where that is known. */
export const atPlace = (place: string | undefined): string => (place === undefined ? "" : ` (at ${place})`)

/** An error's tag, where it has one. */
export const tagOf = (error: unknown): string | undefined =>
  typeof error === "object" && error !== null && "_tag" in error && typeof error._tag === "string"
    ? error._tag
    : undefined

/** Characters of what is shown of a value. */
const longest = 1000

const shown = (value: unknown): string =>
  Result.getOrElse(
    Result.try(() => Formatter.format(value).slice(0, longest)),
    () => "something that cannot be shown"
  )

/** What any value says that a step failed or died with: an error's message, or its tag and fields. */
export const messageOf = (error: unknown): string => {
  if (typeof error === "string") return error
  if (error instanceof Error && error.message !== "") return error.message
  const tag = tagOf(error) ?? (error instanceof Error ? error.name : undefined)
  if (typeof error !== "object" || error === null || tag === undefined) return shown(error)
  const fields = Object.entries(error).filter(([key]) => key !== "_tag" && key !== "name")
  return fields.length === 0 ? tag : `${tag} ${shown(Object.fromEntries(fields))}`
}
