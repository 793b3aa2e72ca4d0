import type { KeyPath } from "./Problem.ts"

/** Where something was written. Lines count from 1. */
export interface SourceLocation {
  readonly file: string
  readonly line: number
}

/** A value with the places where its parts were written; values of several files can be laid over each other. */
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
  /** The characters in the file, `1.10` for one, which the number 1.1 no longer tells. */
  readonly source: string
}

/** The value under a key, or in a position. */
export const child = (node: Located | undefined, key: string | number): Located | undefined => {
  if (node?._tag === "Map") return node.entries.get(String(key))?.value
  return node?._tag === "List" && typeof key === "number" ? node.items[key] : undefined
}

/** The value at the end of a path. */
export const descend = (node: Located | undefined, path: KeyPath): Located | undefined =>
  path.reduce<Located | undefined>(child, node)

/** A map's keys and values in the order of the file; none where it is no map. */
export const entries = (node: Located | undefined): ReadonlyArray<readonly [string, Located]> =>
  node?._tag === "Map" ? [...node.entries].map(([key, entry]) => [key, entry.value] as const) : []

/** A list's items; none where it is no list. */
export const items = (node: Located | undefined): ReadonlyArray<Located> => (node?._tag === "List" ? node.items : [])

/** A text, or a number or boolean as it was written. */
export const written = (node: Located | undefined): string | undefined => {
  if (node?._tag !== "Scalar" || node.value === null) return undefined
  return typeof node.value === "string" ? node.value : node.source
}

/**
 * Where the value at the end of a path was written, or the nearest part of the path that is there. A map or list counts
 * as written where its key is.
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

/** Where the last key of a path was written. */
export const keyPlaceOf = (root: Located, path: KeyPath): SourceLocation => {
  const parent = descend(root, path.slice(0, -1))
  const entry = parent?._tag === "Map" ? parent.entries.get(String(path.at(-1))) : undefined
  return entry?.at ?? placeOf(root, path)
}

/**
 * The value without its places. Where `verbatim` says so for a path, numbers and booleans are given as the text that was
 * written.
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
