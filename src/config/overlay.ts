import { child, type Located, written } from "./Located.ts"
import type { KeyPath } from "./Problem.ts"

/** What a registry is, where that is said or can be told from its server. */
const registryType = (node: Located): string | undefined =>
  written(child(node, "type")) ?? (child(node, "server") === undefined ? undefined : "remote")

/** A registry of another type shares no key with the one below it, so it takes its place. */
const replaces = (path: KeyPath, below: Located, above: Located): boolean => {
  const type = path.join(".") === "builder.registry" ? registryType(above) : undefined
  return type !== undefined && type !== (registryType(below) ?? "remote")
}

/**
 * Lays an environment's file over the deploy file: maps merge, lists and scalars replace, and an empty value (`key: ~`)
 * takes its key away.
 */
export const overlay = (below: Located, above: Located, path: KeyPath = []): Located => {
  if (below._tag !== "Map" || above._tag !== "Map" || replaces(path, below, above)) return above
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
  // A merged map is still where it was first written; what replaced another value is where that was written.
  return { at: value === over.value ? over.at : under.at, value }
}
