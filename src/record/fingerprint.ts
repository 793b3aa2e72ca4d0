import { createHash } from "node:crypto"
import { Redacted } from "effect"
import type { Description } from "../pipeline/Pipeline.ts"

/** Hashes of values by their path, such as `services[0].image.tag`. */
export type Fingerprint = Readonly<Record<string, string>>

const hash = (value: unknown): string =>
  createHash("sha256")
    .update(JSON.stringify(value) ?? "")
    .digest("base64url")
    .slice(0, 12)

/** How a path names the items of a list: by their name, if all have one. */
const keysOf = (list: ReadonlyArray<unknown>): ReadonlyArray<string> => {
  const names = list.map((item) =>
    typeof item === "object" && item !== null && "name" in item && typeof item.name === "string" ? item.name : ""
  )
  return names.every((name) => name !== "") && new Set(names).size === names.length
    ? names.map((name) => `.${name}`)
    : list.map((_, index) => `[${index}]`)
}

/** Returns a hash for each value in plain data. Secrets are left out. */
export const fingerprint = (value: unknown): Fingerprint => {
  const found: Record<string, string> = {}
  const visit = (value: unknown, path: string): void => {
    if (value === undefined || typeof value === "function" || Redacted.isRedacted(value)) return
    if (typeof value !== "object" || value === null) return void (found[path] = hash(value))
    if (value instanceof Uint8Array) return void (found[path] = hash([...value]))
    // Such as a Duration.
    if ("toJSON" in value) return void (found[path] = hash(value))
    if (Array.isArray(value)) {
      const keys = keysOf(value)
      found[path] = hash(value.length)
      return value.forEach((item, index) => visit(item, `${path}${keys[index]}`))
    }
    for (const [key, inner] of Object.entries(value)) visit(inner, path === "" ? key : `${path}.${key}`)
  }
  visit(value, "")
  return found
}

/** Returns one line for each node of a pipeline: what it is, and its path. */
export const nodesOf = (node: Description): ReadonlyArray<string> => {
  switch (node._tag) {
    case "Step":
      return [node.path]
    case "Parallel":
      return node.branches.flatMap(nodesOf)
    case "When":
      return nodesOf(node.body)
    case "Choose":
      return [node.body, node.else].flatMap((side) => (side === undefined ? [] : nodesOf(side)))
    default:
      return [node.path, ...node.nodes.flatMap(nodesOf)]
  }
}

/** Returns the paths at which two fingerprints differ. Of a list that has become longer or shorter, only the list itself. */
export const changedPaths = (before: Fingerprint, now: Fingerprint): ReadonlyArray<string> => {
  const changed = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
    (path) => before[path] !== now[path]
  )
  return changed
    .filter(
      (path) =>
        !changed.some((other) => path !== other && /^[.[]/.test(path.slice(other.length)) && path.startsWith(other))
    )
    .toSorted()
}

/** Returns which nodes were added to a pipeline, or removed from it. */
export const changedNodes = (before: ReadonlyArray<string>, now: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...now.filter((node) => !before.includes(node)).map((node) => `added ${node}`),
  ...before.filter((node) => !now.includes(node)).map((node) => `removed ${node}`)
]
