import { child, type Located, written } from "./Located.ts"
import type { KeyPath } from "./Problem.ts"

/** Returns the type of a registry if the file states it, or if it follows from the `server` key. */
const registryType = (node: Located): string | undefined =>
  written(child(node, "type")) ?? (child(node, "server") === undefined ? undefined : "remote")

/** Whether to replace the registry instead of merging it: one of another type has none of the same keys. */
const replacesRegistry = (path: KeyPath, below: Located, above: Located): boolean => {
  const type = path.join(".") === "builder.registry" ? registryType(above) : undefined
  return type !== undefined && type !== (registryType(below) ?? "remote")
}

/**
 * Merges an environment's file (`above`) on top of the deploy file (`below`). Maps are merged, lists and scalars are
 * replaced, and an empty value (`key: ~`) removes the key.
 */
export const overlay = (below: Located, above: Located, path: KeyPath = []): Located => {
  if (below._tag !== "Map" || above._tag !== "Map" || replacesRegistry(path, below, above)) return above
  const entries = new Map(below.entries)
  for (const [key, entry] of above.entries) {
    const under = entries.get(key)
    if (entry.value._tag === "Scalar" && entry.value.value === null && under !== undefined) entries.delete(key)
    else entries.set(key, under === undefined ? entry : merge(under, entry, [...path, key]))
  }
  return { _tag: "Map", at: below.at, entries }
}

type Entry = { readonly at: Located["at"]; readonly value: Located }

const merge = (under: Entry, over: Entry, path: KeyPath): Entry => {
  const value = overlay(under.value, over.value, path)
  // A merged map keeps the location of the deploy file; a replaced value has the location of the environment's file.
  return { at: value === over.value ? over.at : under.at, value }
}
