import {
  CST,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  parseDocument,
  Scalar,
  visit,
  type YAMLError,
  type YAMLMap
} from "yaml"
import { collectAfter } from "../core/collectGarbage.ts"
import type { Located, LocatedMap, SourceLocation } from "./Located.ts"
import type { Problem } from "./Problem.ts"

/** About how many bytes of garbage the parser leaves for each character. */
const garbagePerCharacter = 500

/** The limit for values in a file after expanding aliases. Aliases of aliases can stand for billions of values. */
const maxValues = 100_000

/** Returns a message for a parser error. Cuts the parser's own message where it quotes the file, which may have secrets. */
const errorMessage = (error: YAMLError): string => {
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

/** The limit for lists and maps within each other. deploy.yml needs about ten. */
const maxDepth = 100

/**
 * Returns the line where lists and maps within each other exceed {@link maxDepth}. The parser needs seconds for thousands of
 * open brackets, and reports each of them, so only the tokens are read here.
 */
const tooDeepLine = (text: string): number | undefined => {
  let line = 1
  /** Open brackets, and the dashes and question marks at the start of this line, each of which starts a list or a map. */
  let [brackets, indicators] = [0, 0]
  let start = true
  for (const token of new Lexer().lex(text)) {
    switch (CST.tokenType(token)) {
      case "flow-seq-start":
      case "flow-map-start":
        brackets++
        break
      case "flow-seq-end":
      case "flow-map-end":
        brackets--
        break
      case "seq-item-ind":
      case "explicit-key-ind":
        if (start) indicators++
        break
      case "space":
      case "anchor":
      case "tag":
        break
      default:
        start = false
    }
    if (brackets + indicators > maxDepth) return line
    if (!token.includes("\n")) continue
    line += token.split("\n").length - 1
    indicators = 0
    start = true
  }
  return undefined
}

const emptyValue = (at: SourceLocation): Located => ({ _tag: "Scalar", at, value: null, source: "" })

/**
 * Parses YAML 1.2, including aliases and `<<` merge keys, into a tree with locations. The tree is undefined if the text has
 * syntax errors or is empty.
 */
export const parseYaml = (
  file: string,
  text: string
): { readonly tree: Located | undefined; readonly problems: ReadonlyArray<Problem> } => {
  const deep = tooDeepLine(text)
  if (deep !== undefined) {
    const message = `has more than ${maxDepth} lists and maps within each other`
    return { tree: undefined, problems: [{ file, line: deep, path: "", message }] }
  }
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: "error"
  })
  const problems: Array<Problem> = []
  const at = (offset: number | undefined): SourceLocation => ({
    file,
    line: Math.max(1, lines.linePos(offset ?? 0).line)
  })
  const report = (place: SourceLocation, message: string) => problems.push({ ...place, path: "", message })
  const syntaxErrors = document.errors
  for (const error of [...syntaxErrors, ...document.warnings]) report(at(error.pos[0]), errorMessage(error))
  if (syntaxErrors.length > 0 || document.contents === null) return { tree: undefined, problems }

  // Resolve aliases in one pass. The library searches the whole document for each alias.
  const anchors = new Map<string, Node>()
  const targets = new Map<Node, Node>()
  visit(document, {
    Node: (_, node) => {
      const target = isAlias(node) ? anchors.get(node.source) : undefined
      if (target !== undefined) targets.set(node, target)
      if (!isAlias(node) && node.anchor !== undefined) anchors.set(node.anchor, node)
    }
  })

  const sizes = new Map<Located, number>()
  const done = new Map<Node, Located>()
  const inProgress = new Set<Node>()
  /** How many entries all `<<` have merged so far, including those that the map already had. */
  let merges = 0

  /** Converts a node. Reports aliases that contain themselves, and values that are too large with all aliases expanded. */
  const read = (node: Node | null, fallback: SourceLocation): Located => {
    if (node === null) return emptyValue(fallback)
    const known = done.get(node)
    if (known !== undefined) return known
    const place = at(node.range?.[0])
    if (inProgress.has(node)) {
      report(place, "contains an alias of itself")
      return emptyValue(place)
    }
    inProgress.add(node)
    const located = convert(node, place)
    inProgress.delete(node)
    const parts =
      located._tag === "Map"
        ? [...located.entries.values()].map((entry) => entry.value)
        : located._tag === "List"
          ? located.items
          : []
    const size = parts.reduce((sum, part) => sum + (sizes.get(part) ?? 1), 1)
    const result = size <= maxValues ? located : emptyValue(place)
    if (size > maxValues) report(place, `has more than ${maxValues} values when its aliases are expanded`)
    sizes.set(result, size <= maxValues ? size : 1)
    done.set(node, result)
    return result
  }

  const convert = (node: Node, place: SourceLocation): Located => {
    if (isAlias(node)) {
      const target = targets.get(node)
      if (target !== undefined) return read(target, place)
      report(place, `uses the alias \`*${node.source}\`, but no value above has the anchor \`&${node.source}\``)
      return emptyValue(place)
    }
    if (isMap(node)) return readMap(node, place)
    // The items of a parsed sequence are nodes or null, but the library types them as unknown.
    if (isSeq(node))
      return { _tag: "List", at: place, items: node.items.map((item) => read(item as Node | null, place)) }
    const value = isScalar(node) ? node.value : undefined
    if (typeof value === "string" && value.includes("\0")) {
      report(place, "contains a NUL byte, which no command or variable can hold")
      return emptyValue(place)
    }
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean" || value === null) {
      return { _tag: "Scalar", at: place, value, source: (isScalar(node) ? node.source : undefined) ?? String(value) }
    }
    report(place, "has a YAML type that jiji does not support; put quotes around it")
    return emptyValue(place)
  }

  const readMap = (map: YAMLMap, place: SourceLocation): Located => {
    const own = new Map<string, { at: SourceLocation; value: Located }>()
    const merged: Array<LocatedMap> = []
    for (const { key, value } of map.items) {
      // The same holds for the keys and values of a map.
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
    // The map's own keys take precedence, then those of the sources in order.
    for (const source of merged) {
      const before = merges
      merges += source.entries.size
      if (merges > maxValues) {
        if (before <= maxValues)
          report(place, `merges more than ${maxValues} values with \`<<\`, together with the merges above`)
        break
      }
      for (const [name, entry] of source.entries) if (!own.has(name)) own.set(name, entry)
    }
    return { _tag: "Map", at: place, entries: own }
  }

  const tree = read(document.contents, at(0))
  collectAfter(text.length * garbagePerCharacter)
  return { tree, problems }
}
