import type { SchemaAST, SchemaIssue } from "effect"
import { hookEvents } from "./hooks.ts"
import { suggest } from "./suggest.ts"
import type { KeyPath } from "./Problem.ts"
import { cut, joinWords } from "../core/text.ts"

/** A problem with the value at a path. Its location in the file is added later. */
export interface Finding {
  readonly path: KeyPath
  readonly message: string
  /** True if the problem concerns the key, not its value. */
  readonly atKey: boolean
}

/** Values below these keys may be secrets, so messages do not quote them. */
const hidden: ReadonlySet<string | number> = new Set(["password", "passphrase", "environment", "args"])

/** How many characters of a value a message quotes. */
const maxShown = 60

/** Formats a value for use in a message. */
const show = (value: unknown, path: KeyPath): string => {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list"
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0 ? "an empty map" : "a map"
  // Somebody may have written the secret itself.
  const isHidden = path.some((key) => hidden.has(key)) || (path[0] === "triggers" && path.at(-1) === "secret")
  if (isHidden) return typeof value === "string" ? "this string" : `this ${typeof value}`
  if (typeof value !== "string") return String(value)
  return `"${cut(value, maxShown)}"`
}

const annotation = (annotations: object | undefined, key: string): string | undefined => {
  const value: unknown = Object.entries(annotations ?? {}).find(([name]) => name === key)?.[1]
  return typeof value === "string" ? value : undefined
}

const annotated = (ast: SchemaAST.AST, key: string): string | undefined =>
  annotation(ast.checks?.at(-1)?.annotations, key) ?? annotation(ast.annotations, key)

/** Returns what a value should be. Completes "must be …". */
const expected = (ast: SchemaAST.AST): string => {
  const own = annotated(ast, "expected")
  if (own !== undefined) return own
  switch (ast._tag) {
    case "Objects":
      return "a map"
    case "Arrays":
      return "a list"
    case "String":
      return "a string"
    case "Number":
      return "a number"
    case "Literal":
      return String(ast.literal)
    case "Union": {
      const members = new Set(ast.types.map((type) => (type.encoding?.[0] === undefined ? expected(type) : "")))
      return joinWords(
        [...members].filter((member) => member !== ""),
        "or"
      )
    }
    default:
      return "something else"
  }
}

/** Other names for the processors of `arch`. */
const processors: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  "x86-64": "amd64",
  x64: "amd64",
  aarch64: "arm64",
  armv7l: "arm/v7",
  armv6l: "arm/v6"
}

/** Returns a hint for common mistakes: missing or extra quotes, or another name of a processor. */
const hint = (what: string, value: unknown): string => {
  const processor =
    typeof value === "string" && what.startsWith("amd64, ") ? processors[value.toLowerCase()] : undefined
  if (processor !== undefined) return `; use ${processor}`
  if (typeof value === "number" || typeof value === "boolean") {
    return /^a (?:string|name)/u.test(what) ? "; put quotes around it" : ""
  }
  return /^\d+$/u.test(String(value)) && /^a (?:port from|whole number)/u.test(what) ? "; remove the quotes" : ""
}

const mustBe = (what: string, value: unknown, path: KeyPath): string => {
  if (value === null) return `must be ${what}, but is empty`
  return `must be ${what}, not ${show(value, path)}${hint(what, value)}`
}

/** Suggests an allowed value if there are too many to list. */
const nearValue = (ast: SchemaAST.AST, value: unknown): string => {
  if (ast._tag !== "Union" || annotated(ast, "expected") === undefined || typeof value !== "string") return ""
  const near = suggest(
    value,
    ast.types.flatMap((type) => (type._tag === "Literal" ? [String(type.literal)] : []))
  )
  return near === undefined ? "" : `; did you mean \`${near}\`?`
}

/** Suggests the key for one that other tools use. */
const meant = (path: KeyPath, value: unknown): string | undefined => {
  const [top, , key] = path
  if (path.length === 1 && top === "service") return typeof value === "string" ? "project" : "services"
  if (path.length === 1 && top === "registry") return "builder.registry"
  return path.length === 3 && top === "services" && key === "env" ? "environment" : undefined
}

const unknownKey = (
  ast: SchemaAST.AST,
  path: KeyPath,
  value: unknown,
  elsewhere: SchemaAST.AST | undefined
): string => {
  const key = String(path.at(-1))
  if (ast._tag !== "Objects") return "is not a known key here"
  const [index] = ast.indexSignatures
  if (path[0] === "hooks" && Object.hasOwn(hookEvents, key)) {
    return "is an event, not a name; give the hook any other name, and list its events under `on`"
  }
  if (index !== undefined) return `must be ${expected(index.parameter)}`
  const known = ast.propertySignatures.map((property) => String(property.name))
  const near = meant(path, value) ?? suggest(key, known)
  if (near !== undefined) return `is not a known key; did you mean \`${near}\`?`
  const other = elsewhere?._tag === "Union" ? elsewhere.types.filter((type) => type !== ast) : []
  const fits = other.some((type) => type._tag === "Objects" && type.propertySignatures.some(({ name }) => name === key))
  return fits
    ? `does not belong to this type of registry; use ${joinWords(known, "or")}`
    : `is not a known key; use ${joinWords(known, "or")}`
}

/** Returns true if the value belongs to another member of the union, because a literal differs. */
const isOtherMember = (issue: SchemaIssue.Issue): boolean =>
  issue._tag === "Composite" &&
  issue.issues.some(
    (inner) => inner._tag === "Pointer" && inner.issue._tag === "InvalidType" && inner.issue.ast._tag === "Literal"
  )

/** Returns true if the value has another type than this member of the union. */
const isOtherType = (issue: SchemaIssue.Issue): boolean =>
  issue._tag === "InvalidType" || (issue._tag === "Encoding" && isOtherType(issue.issue))

const isMap = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value)

const found = (path: KeyPath, message: string, atKey = false): ReadonlyArray<Finding> => [{ path, message, atKey }]

const distinct = (all: ReadonlyArray<Finding>): ReadonlyArray<Finding> =>
  all.filter(
    (one, index) => all.findIndex(({ message, path }) => message === one.message && path === one.path) === index
  )

/** Converts a schema issue to messages. `valueAt` returns the value at a path. */
export const schemaProblems = (
  issue: SchemaIssue.Issue,
  valueAt: (path: KeyPath) => unknown
): ReadonlyArray<Finding> => {
  const walk = (
    issue: SchemaIssue.Issue,
    path: KeyPath,
    what: string | undefined,
    union: SchemaAST.AST | undefined
  ): ReadonlyArray<Finding> => {
    switch (issue._tag) {
      case "Pointer": {
        const keys = issue.path.map((key) => (typeof key === "number" ? key : String(key)))
        return walk(issue.issue, [...path, ...keys], undefined, union)
      }
      case "Encoding":
        return walk(issue.issue, path, what, union)
      case "Composite":
        // If a value fails several checks, report it once: the text of the last check covers all of them.
        return distinct(issue.issues.flatMap((inner) => walk(inner, path, annotated(issue.ast, "expected"), union)))
      case "Filter":
        return walk(issue.issue, path, what ?? annotation(issue.filter.annotations, "expected"), union)
      case "AnyOf": {
        const distance = (of: SchemaIssue.Issue) => (isOtherType(of) ? 2 : Number(isOtherMember(of)))
        const [best] = [...issue.issues].sort((a, b) => distance(a) - distance(b))
        const own = annotated(issue.ast, "expected")
        // A map is the only member that has keys, so report what is wrong with them.
        const map = isMap(valueAt(path)) ? issue.issues.find(({ _tag }) => _tag === "Composite") : undefined
        if (map !== undefined && own !== undefined) return walk(map, path, undefined, undefined)
        if (best === undefined || own !== undefined)
          return found(
            path,
            mustBe(own ?? expected(issue.ast), valueAt(path), path) + nearValue(issue.ast, valueAt(path))
          )
        return walk(best, path, undefined, issue.ast)
      }
      case "MissingKey":
        return found(path, "is missing")
      case "UnexpectedKey":
        return found(path, unknownKey(issue.ast, path, valueAt(path), union), true)
      case "InvalidType": {
        const message = annotated(issue.ast, "message")
        const sentence = mustBe(expected(issue.ast), valueAt(path), path) + nearValue(issue.ast, valueAt(path))
        return found(path, message ?? sentence)
      }
      case "InvalidValue": {
        const message = annotation(issue.annotations, "message")
        const value = valueAt(path)
        if (message !== undefined) return found(path, message)
        return found(path, mustBe(what ?? annotation(issue.annotations, "expected") ?? "a valid value", value, path))
      }
      case "Forbidden":
      case "OneOf":
        return found(path, mustBe("a valid value", valueAt(path), path))
    }
  }
  return walk(issue, [], undefined, undefined)
}
