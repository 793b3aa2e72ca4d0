import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  Scalar,
  visit,
  type YAMLError,
  type YAMLMap
} from "yaml"
import type { Located, LocatedMap, Place } from "./Located.ts"
import type { Problem } from "./Problem.ts"

/** More values than any deploy file has; aliases of aliases can stand for billions. */
const mostValues = 100_000

/** What the parser found, in our words. Its own are used where they quote nothing of the file: that may be a secret. */
const sentence = (error: YAMLError): string => {
  switch (error.code) {
    case "TAB_AS_INDENT":
      return "is indented with a tab; YAML allows only spaces"
    case "MULTIPLE_DOCS":
      return "starts a second YAML document; the file must contain only one"
    case "TAG_RESOLVE_FAILED":
    case "BAD_COLLECTION_TYPE":
      return "has a YAML tag (`!…`), which jiji does not support"
    case "BLOCK_AS_IMPLICIT_KEY":
      return "has a second `key: value` on one line; put quotes around a value that contains a colon and a space"
    case "BAD_SCALAR_START":
      return "starts with a character that YAML reserves; put quotes around the value"
    default: {
      const [text = ""] = error.message.split(/: |\n/u)
      return `is not valid YAML: ${text.slice(0, 1).toLowerCase()}${text.slice(1)}`
    }
  }
}

const nothing = (at: Place): Located => ({ _tag: "Scalar", at, value: null, source: "" })

/**
 * Reads YAML 1.2 (aliases and `<<` merge keys included) into a tree that knows its lines. The tree is absent where the
 * text has no structure that could be trusted, or no content at all.
 */
export const parseYaml = (
  file: string,
  text: string
): { readonly tree: Located | undefined; readonly problems: ReadonlyArray<Problem> } => {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: "error"
  })
  const problems: Array<Problem> = []
  const at = (offset: number | undefined): Place => ({ file, line: Math.max(1, lines.linePos(offset ?? 0).line) })
  const report = (place: Place, message: string) => problems.push({ ...place, path: "", message })
  const broken = document.errors
  for (const error of [...broken, ...document.warnings]) report(at(error.pos[0]), sentence(error))
  if (broken.length > 0 || document.contents === null) return { tree: undefined, problems }

  // The library looks through the whole document for each alias by itself.
  const marked = new Map<string, Node>()
  const targets = new Map<Node, Node>()
  visit(document, {
    Node: (_, node) => {
      const target = isAlias(node) ? marked.get(node.source) : undefined
      if (target !== undefined) targets.set(node, target)
      if (!isAlias(node) && node.anchor !== undefined) marked.set(node.anchor, node)
    }
  })

  const sizes = new Map<Located, number>()
  const done = new Map<Node, Located>()
  const open = new Set<Node>()
  /** How many entries all `<<` have been through, those that a map has already included. */
  let merges = 0

  /** Tells a self-reference, and counts the values with every alias written out, while the node is read. */
  const read = (node: Node | null, fallback: Place): Located => {
    if (node === null) return nothing(fallback)
    const known = done.get(node)
    if (known !== undefined) return known
    const place = at(node.range?.[0])
    if (open.has(node)) {
      report(place, "contains an alias of itself")
      return nothing(place)
    }
    open.add(node)
    const located = convert(node, place)
    open.delete(node)
    const parts =
      located._tag === "Map"
        ? [...located.entries.values()].map((entry) => entry.value)
        : located._tag === "List"
          ? located.items
          : []
    const size = parts.reduce((sum, part) => sum + (sizes.get(part) ?? 1), 1)
    const fitting = size <= mostValues ? located : nothing(place)
    if (size > mostValues) report(place, `has more than ${mostValues} values when its aliases are expanded`)
    sizes.set(fitting, size <= mostValues ? size : 1)
    done.set(node, fitting)
    return fitting
  }

  const convert = (node: Node, place: Place): Located => {
    if (isAlias(node)) {
      const target = targets.get(node)
      if (target !== undefined) return read(target, place)
      report(place, `uses the alias \`*${node.source}\`, but no value above has the anchor \`&${node.source}\``)
      return nothing(place)
    }
    if (isMap(node)) return readMap(node, place)
    // What a parsed sequence holds are nodes or nothing; the library's type leaves it open.
    if (isSeq(node))
      return { _tag: "List", at: place, items: node.items.map((item) => read(item as Node | null, place)) }
    const value = isScalar(node) ? node.value : undefined
    if (typeof value === "string" && value.includes("\0")) {
      report(place, "contains a NUL byte, which no command or variable can hold")
      return nothing(place)
    }
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean" || value === null) {
      return { _tag: "Scalar", at: place, value, source: (isScalar(node) ? node.source : undefined) ?? String(value) }
    }
    report(place, "has a YAML type that jiji does not support; put quotes around it")
    return nothing(place)
  }

  const readMap = (map: YAMLMap, place: Place): Located => {
    const own = new Map<string, { at: Place; value: Located }>()
    const merged: Array<LocatedMap> = []
    for (const { key, value } of map.items) {
      // As above: in a parsed map both sides are nodes or nothing.
      const [keyNode, valueNode] = [key as Node | null, value as Node | null]
      const keyPlace = keyNode === null ? place : at(keyNode.range?.[0])
      const inner = read(valueNode, keyPlace)
      if (!isScalar(keyNode) || keyNode.value === null) {
        report(keyPlace, "has a key that is empty, a list or a map")
      } else if (keyNode.source === "<<" && keyNode.type === Scalar.PLAIN) {
        const sources = inner._tag === "List" ? inner.items : [inner]
        for (const source of sources) {
          if (source._tag === "Map") merged.push(source)
          else report(keyPlace, "merges a value with `<<` that is not a map")
        }
      } else {
        const name = keyNode.source ?? String(keyNode.value)
        if (name.includes("\0")) {
          report(keyPlace, "has a key with a NUL byte")
          continue
        }
        const first = own.get(name)
        if (first === undefined) own.set(name, { at: keyPlace, value: inner })
        else report(keyPlace, `repeats the key \`${name}\` of line ${first.at.line}`)
      }
    }
    // A map's own keys win, then those of the sources in their order.
    for (const source of merged) {
      const before = merges
      merges += source.entries.size
      if (merges > mostValues) {
        if (before <= mostValues)
          report(place, `merges more than ${mostValues} values with \`<<\`, together with the merges above`)
        break
      }
      for (const [name, entry] of source.entries) if (!own.has(name)) own.set(name, entry)
    }
    return { _tag: "Map", at: place, entries: own }
  }

  return { tree: read(document.contents, at(0)), problems }
}
