/** What a pipeline takes under one name. */
export interface Field {
  readonly name: string
  readonly kind: "text" | "number" | "integer" | "boolean" | "choice" | "list" | "json"
  readonly isRequired: boolean
  readonly description: string
  readonly choices: ReadonlyArray<string | number | boolean>
  readonly initial?: string | boolean
  readonly min?: number
  readonly max?: number
}

/** The part of JSON Schema that forms understand. */
interface Node {
  readonly type?: unknown
  readonly description?: unknown
  readonly default?: unknown
  readonly enum?: unknown
  readonly const?: unknown
  readonly anyOf?: unknown
  readonly oneOf?: unknown
  readonly allOf?: unknown
  readonly items?: unknown
  readonly properties?: unknown
  readonly required?: unknown
  readonly minimum?: unknown
  readonly maximum?: unknown
}

const isObject = (value: unknown): value is Node => typeof value === "object" && value !== null && !Array.isArray(value)
const listOf = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])
const isScalar = (value: unknown): value is string | number | boolean =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean"

/** A limit that means something to a person. Integers always have the largest exact one. */
const limitOf = (value: unknown): number | undefined =>
  typeof value === "number" && Math.abs(value) < Number.MAX_SAFE_INTEGER ? value : undefined

/** Without the alternatives that no form offers: null, and numbers that JSON cannot write. */
const simplified = (node: Node): Node => {
  const alternatives = [...listOf(node.anyOf), ...listOf(node.oneOf)].filter(isObject)
  const useful = alternatives.filter(
    (each) =>
      each.type !== "null" &&
      listOf(each.enum).every((value) => !["Infinity", "-Infinity", "NaN"].includes(String(value)))
  )
  const [only] = useful
  if (only !== undefined && useful.length === 1)
    return { ...simplified(only), ...node, anyOf: undefined, oneOf: undefined }
  const choices = useful.flatMap((each) => (each.const === undefined ? listOf(each.enum) : [each.const]))
  const isChoice = useful.length > 1 && useful.every((each) => each.const !== undefined || Array.isArray(each.enum))
  return isChoice ? { ...node, anyOf: undefined, oneOf: undefined, enum: choices } : node
}

const kindOf = (node: Node): Field["kind"] => {
  if (listOf(node.enum).length > 0 && listOf(node.enum).every(isScalar)) return "choice"
  if (node.type === "string") return "text"
  if (node.type === "number" || node.type === "integer" || node.type === "boolean") return node.type
  if (node.type === "array" && isObject(node.items) && kindOf(simplified(node.items)) === "text") return "list"
  return "json"
}

const initialOf = (value: unknown, kind: Field["kind"]): string | boolean | undefined => {
  if (value === undefined) return undefined
  if (kind === "boolean") return value === true
  if (kind === "list") return listOf(value).map(String).join("\n")
  return kind === "json" ? JSON.stringify(value) : String(value)
}

/** The fields of a form for a JSON Schema; none if it describes no object. */
export const fieldsOf = (schema: unknown): ReadonlyArray<Field> => {
  if (!isObject(schema) || !isObject(schema.properties)) return []
  const required = listOf(schema.required)
  return Object.entries(schema.properties).map(([name, value]) => {
    const node = simplified(isObject(value) ? value : {})
    const kind = kindOf(node)
    const details = [node, ...listOf(node.allOf).filter(isObject)]
    const initial = initialOf(node.default, kind)
    const min = details.map(({ minimum }) => limitOf(minimum)).find((limit) => limit !== undefined)
    const max = details.map(({ maximum }) => limitOf(maximum)).find((limit) => limit !== undefined)
    return {
      name,
      kind,
      isRequired: required.includes(name),
      description: typeof node.description === "string" ? node.description : "",
      choices: listOf(node.enum).filter(isScalar),
      ...(initial !== undefined && { initial }),
      ...(min !== undefined && { min }),
      ...(max !== undefined && { max })
    }
  })
}

/** What a person has entered for a field: text, or whether a box is checked. */
export type Entry = string | boolean

/** The input that a form's entries make. Leaves out what is empty, so that the pipeline uses its default. */
export const inputOf = (
  fields: ReadonlyArray<Field>,
  entries: Readonly<Record<string, Entry>>
): Readonly<Record<string, unknown>> => {
  const input: Record<string, unknown> = {}
  for (const { choices, isRequired, kind, name } of fields) {
    const entry = entries[name] ?? ""
    if (typeof entry === "boolean") input[name] = entry
    else if (kind === "text") {
      // A text may be empty where one is needed.
      if (entry !== "" || isRequired) input[name] = entry
    } else if (entry.trim() === "") continue
    else if (kind === "number" || kind === "integer") input[name] = Number(entry)
    else if (kind === "boolean") input[name] = entry === "true"
    else if (kind === "choice") input[name] = choices.find((choice) => String(choice) === entry)
    else if (kind === "list") input[name] = entry.split("\n").filter((line) => line !== "")
    else {
      try {
        input[name] = JSON.parse(entry)
      } catch {
        throw new Error(`${name} is not valid JSON.`)
      }
    }
  }
  return input
}
