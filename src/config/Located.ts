import type { KeyPath } from "./Problem.ts"

/** A place in a file. Lines start at 1. */
export interface SourceLocation {
  readonly file: string
  readonly line: number
}

/** A YAML value that knows where each of its parts was written. Parts can come from different files. */
export type Located = LocatedMap | LocatedList | LocatedScalar

export interface LocatedMap {
  readonly _tag: "Map"
  readonly at: SourceLocation
  readonly entries: ReadonlyMap<string, { readonly at: SourceLocation; readonly value: Located }>
}

export interface LocatedList {
  readonly _tag: "List"
  readonly at: SourceLocation
  readonly items: ReadonlyArray<Located>
}

export interface LocatedScalar {
  readonly _tag: "Scalar"
  readonly at: SourceLocation
  readonly value: string | number | boolean | null
  /** The text in the file. `1.10` is parsed as the number 1.1, for example. */
  readonly source: string
}

/** Returns the value of a key or list index. */
export const child = (node: Located | undefined, key: string | number): Located | undefined => {
  if (node?._tag === "Map") return node.entries.get(String(key))?.value
  return node?._tag === "List" && typeof key === "number" ? node.items[key] : undefined
}

/** Returns the value at a path. */
export const descend = (node: Located | undefined, path: KeyPath): Located | undefined =>
  path.reduce<Located | undefined>(child, node)

/** Returns the keys and values of a map in the order of the file, or an empty list for other values. */
export const entries = (node: Located | undefined): ReadonlyArray<readonly [string, Located]> =>
  node?._tag === "Map" ? [...node.entries].map(([key, entry]) => [key, entry.value] as const) : []

/** Returns the items of a list, or an empty list for other values. */
export const items = (node: Located | undefined): ReadonlyArray<Located> => (node?._tag === "List" ? node.items : [])

/** Returns a string, or the source text of a number or boolean. */
export const written = (node: Located | undefined): string | undefined => {
  if (node?._tag !== "Scalar" || node.value === null) return undefined
  return typeof node.value === "string" ? node.value : node.source
}

/**
 * Returns where the value at a path was written, or the last part of the path that exists. For a map or list, that is the
 * line of its key.
 */
export const placeOf = (root: Located, path: KeyPath): SourceLocation => {
  let node = root
  let place = root.at
  for (const key of path) {
    const next = child(node, key)
    if (next === undefined) break
    const entry = node._tag === "Map" ? node.entries.get(String(key)) : undefined
    place = next._tag === "Scalar" || entry === undefined ? next.at : entry.at
    node = next
  }
  return place
}

/** Returns where the last key of a path was written. */
export const keyPlaceOf = (root: Located, path: KeyPath): SourceLocation => {
  const parent = descend(root, path.slice(0, -1))
  const entry = parent?._tag === "Map" ? parent.entries.get(String(path.at(-1))) : undefined
  return entry?.at ?? placeOf(root, path)
}

/**
 * Returns the value without locations. If `verbatim` returns true for a path, a number or boolean there becomes its source
 * text.
 */
export const plain = (node: Located, verbatim: (path: KeyPath) => boolean, path: KeyPath = []): unknown => {
  switch (node._tag) {
    case "Scalar":
      return node.value !== null && verbatim(path) ? written(node) : node.value
    case "List":
      return node.items.map((item, index) => plain(item, verbatim, [...path, index]))
    case "Map":
      return Object.fromEntries(
        [...node.entries].map(([key, entry]) => [key, plain(entry.value, verbatim, [...path, key])])
      )
  }
}
