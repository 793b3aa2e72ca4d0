import { Schema, SchemaAST } from "effect"
import { ownNames } from "./ownNames.ts"
import { ownTags } from "./ownTags.ts"
import type { Scrubber } from "./Scrubber.ts"

/**
 * What a string in an event is, which decides whether secrets are removed from it.
 *
 * - `text`: free text or data of the author. Secrets are removed.
 * - `structure`: an ID, a path or the name of a script. Never changes.
 * - `errorTag`: the tag of an error. Only those of jiji's own errors never change.
 * - `nodeName`: the name of a node. Only jiji's own names never change.
 * - `machine`: `local`, which never changes, or the name of a server.
 */
type StringKind = "text" | "structure" | "errorTag" | "nodeName" | "machine"

const annotation = "jiji/core/stringKind"
const kindOf = (ast: SchemaAST.AST): unknown => SchemaAST.resolveAt(annotation)(ast)
const stringOf = (kind: StringKind) => Schema.String.annotate({ [annotation]: kind })

export const Text = stringOf("text")
export const Structure = stringOf("structure")
export const ErrorTag = stringOf("errorTag")
export const NodeName = stringOf("nodeName")
export const MachineName = stringOf("machine")

type Scrub = Scrubber["Service"]
type Scrubbing = (value: unknown, scrub: Scrub) => unknown

/** Removes secrets from the name of a node. */
export const scrubName = (name: string, scrub: Pick<Scrub, "text">): string =>
  ownNames.has(name) ? name : scrub.text(name)

const scrubString = (kind: unknown, value: string, scrub: Scrub): string => {
  if (kind === "structure" || (kind === "machine" && value === "local")) return value
  if (kind === "errorTag" && ownTags.has(value)) return value
  return kind === "nodeName" ? scrubName(value, scrub) : scrub.text(value)
}

const deep: Scrubbing = (value, scrub) => scrub.deep(value)

/** Removes secrets from the strings of an object, and from its keys unless the schema declares them. */
const scrubObject = ({ indexSignatures, propertySignatures }: SchemaAST.Objects, isStrict: boolean): Scrubbing => {
  const fields = new Map(propertySignatures.map(({ name, type }) => [name, compile(type, isStrict, String(name))]))
  const [other] = indexSignatures.map(({ type }) => compile(type, isStrict, "a key"))
  /** Defines each property, because an undeclared key can be `__proto__`. */
  const scrubEntries = (value: object, scrub: Scrub) =>
    Object.fromEntries(
      Object.entries(value).map(([key, inner]) => {
        const field = fields.get(key)
        return field === undefined ? [scrub.text(key), (other ?? deep)(inner, scrub)] : [key, field(inner, scrub)]
      })
    )
  return (value, scrub) => {
    if (typeof value !== "object" || value === null) return scrub.deep(value)
    // Every event passes here, so declared keys are copied without intermediate arrays.
    const copy: Record<string, unknown> = {}
    for (const [key, inner] of Object.entries(value)) {
      const field = fields.get(key)
      if (field === undefined) return scrubEntries(value, scrub)
      copy[key] = field(inner, scrub)
    }
    return copy
  }
}

const scrubArray = ({ elements, rest }: SchemaAST.Arrays, isStrict: boolean): Scrubbing => {
  const first = elements.map((element) => compile(element, isStrict, "an element"))
  const [middle = deep, ...last] = rest.map((element) => compile(element, isStrict, "an element"))
  return (value, scrub) =>
    Array.isArray(value)
      ? value.map((inner, index) => {
          const fromEnd = index - (value.length - last.length)
          return ((index < first.length ? first[index] : last[fromEnd]) ?? middle)(inner, scrub)
        })
      : scrub.deep(value)
}

/** The `_tag` of an object type. */
const tagOf = (ast: SchemaAST.AST): SchemaAST.LiteralValue | undefined => {
  if (!SchemaAST.isObjects(ast)) return undefined
  const tag = ast.propertySignatures.find(({ name }) => name === "_tag")?.type
  return tag !== undefined && SchemaAST.isLiteral(tag) ? tag.literal : undefined
}

const scrubUnion = ({ types }: SchemaAST.Union, isStrict: boolean): Scrubbing => {
  if (types.every(SchemaAST.isLiteral)) {
    const literals = new Set<unknown>(types.map(({ literal }) => literal))
    return (value, scrub) => (literals.has(value) ? value : scrub.deep(value))
  }
  const members = types.map((type) => {
    const tag = tagOf(type)
    const is = Schema.is(Schema.make(type))
    const matches = (value: unknown) =>
      tag === undefined
        ? is(value)
        : typeof value === "object" && value !== null && "_tag" in value && value._tag === tag
    return { matches, scrubbing: compile(type, isStrict, "a member") }
  })
  const find = (value: unknown): Scrubbing => members.find(({ matches }) => matches(value))?.scrubbing ?? deep
  const tags = types.map(tagOf)
  if (tags.includes(undefined) || new Set(tags).size < tags.length) return (value, scrub) => find(value)(value, scrub)
  const byTag = new Map<unknown, Scrubbing>(tags.map((tag, index) => [tag, members[index]?.scrubbing ?? deep]))
  return (value, scrub) => {
    const tag = typeof value === "object" && value !== null && "_tag" in value ? value._tag : undefined
    return (byTag.get(tag) ?? deep)(value, scrub)
  }
}

/** Keeps a value that has the type, such as one of the literals that a schema lists. */
const scrubUnlessValid = (ast: SchemaAST.AST): Scrubbing => {
  const is = Schema.is(Schema.make(ast))
  return (value, scrub) => (is(value) ? value : scrub.deep(value))
}

const compile = (ast: SchemaAST.AST, isStrict: boolean, name: string): Scrubbing => {
  switch (ast._tag) {
    case "String":
    case "TemplateLiteral": {
      const kind = kindOf(ast)
      if (isStrict && kind === undefined) throw new Error(`${name} is a string of no kind: use Text or Structure.`)
      return (value, scrub) => (typeof value === "string" ? scrubString(kind, value, scrub) : scrub.deep(value))
    }
    case "Objects":
      return scrubObject(ast, isStrict)
    case "Arrays":
      return scrubArray(ast, isStrict)
    case "Union":
      return scrubUnion(ast, isStrict)
    case "Suspend": {
      let inner: Scrubbing | undefined
      return (value, scrub) => (inner ??= compile(ast.thunk(), isStrict, name))(value, scrub)
    }
    case "Literal":
    case "Enum":
      return scrubUnlessValid(ast)
    // The rest has no text to scrub if it is valid.
    default:
      return deep
  }
}

const compiled = new WeakMap<SchemaAST.AST, Scrubbing>()

/**
 * Removes secrets from a value that was encoded with a schema. The keys and literals that the schema declares are structure
 * and stay as they are; all other strings are data.
 */
export const scrubEncoded = (schema: Schema.Top, value: unknown, scrub: Scrub): unknown => {
  const { ast } = schema
  let scrubbing = compiled.get(ast)
  if (scrubbing === undefined) compiled.set(ast, (scrubbing = compile(SchemaAST.toEncoded(ast), false, "")))
  return scrubbing(value, scrub)
}

/**
 * Returns a function that removes secrets from values of a type. Every string in its schema must have a kind, so that
 * whoever adds a field decides. Throws if one has none.
 */
export const scrubbed = <A>(schema: Schema.Schema<A>) => {
  const scrubbing = compile(schema.ast, true, "The schema")
  // Scrubbing keeps the shape of a value.
  return <B extends Partial<A>>(value: B, scrub: Scrub): B => scrubbing(value, scrub) as B
}
