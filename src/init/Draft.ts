/** A value of deploy.yml. */
export type Value = string | number | boolean | null | ReadonlyArray<Value> | Values
export interface Values {
  readonly [key: string]: Value
}

/** A key of another tool's file that has no counterpart in the draft. */
export interface Note {
  /** Such as `proxy.forward_headers`. Empty for the whole file. */
  readonly key: string
  /** Why, and what to do about it. Completes `KEY: …`. */
  readonly text: string
}

/** What deploy.yml will contain, and what could not be translated into it. */
export interface Draft {
  readonly deploy: Values
  readonly notes: ReadonlyArray<Note>
}

export const isValues = (value: Value | undefined): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Returns a map without keys that are undefined, or whose list or map is empty. */
export const values = (entries: Readonly<Record<string, Value | undefined>>): Values =>
  Object.fromEntries(
    Object.entries(entries).flatMap(([key, value]): ReadonlyArray<readonly [string, Value]> => {
      if (value === undefined) return []
      return typeof value === "object" && value !== null && Object.keys(value).length === 0 ? [] : [[key, value]]
    })
  )

/** Returns the map at a key, or an empty one. */
export const mapIn = (map: Values, key: string): Values => {
  const value = map[key]
  return isValues(value) ? value : {}
}

/** Turns any text into a valid name of a project, service or server. */
export const toName = (text: string, otherwise: string): string => {
  const name = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/gu, "-")
    .replaceAll(/[-_]*-[-_]*/gu, "-")
    .replaceAll(/__+/gu, "_")
    .replaceAll(/^[-_]+|[-_]+$/gu, "")
  return name === "" ? otherwise : name
}

/** A name that is not taken. It gets no number, which might be that of a replica. */
export const freeName = (name: string, taken: { readonly has: (name: string) => boolean }): string =>
  taken.has(name) ? freeName(`${name}-other`, taken) : name

/** Returns what a file must contain so that, merged on top of `base`, it gives `target`. */
export const difference = (base: Values, target: Values): Values => {
  const keys = [...new Set([...Object.keys(base), ...Object.keys(target)])]
  return Object.fromEntries(
    keys.flatMap((key): ReadonlyArray<readonly [string, Value]> => {
      const [from, to] = [base[key], target[key]]
      if (to === undefined) return [[key, null]]
      if (isValues(from) && isValues(to)) {
        const inner = difference(from, to)
        return Object.keys(inner).length === 0 ? [] : [[key, inner]]
      }
      return JSON.stringify(from) === JSON.stringify(to) ? [] : [[key, to]]
    })
  )
}
