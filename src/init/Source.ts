import { parseDocument } from "yaml"
import type { Note } from "./Draft.ts"

/** A part of another tool's YAML file. It knows which of its keys were read, so that none is lost in silence. */
export interface Source {
  /** Such as `proxy.host`. */
  readonly path: string
  readonly isMap: boolean
  readonly keys: ReadonlyArray<string>
  /** The value of a key, which then counts as read. Undefined if it is absent or empty. */
  readonly get: (key: string) => Source | undefined
  /** The text of a scalar, as written in the file. */
  readonly text: string | undefined
  /** The items of a list. Anything else is a list of one. */
  readonly items: () => ReadonlyArray<Source>
  /** The texts in a list, or the only text. */
  readonly texts: () => ReadonlyArray<string>
  /** The keys and texts of a map of scalars. */
  readonly record: () => ReadonlyArray<readonly [string, string]>
  /** The paths of everything that was not read. */
  readonly unread: () => ReadonlyArray<string>
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isEmpty = (value: unknown): boolean => value === null || value === undefined || value === "" || value === "~"

/** Wraps a value that {@link readYaml} returned. */
export const sourceOf = (value: unknown, path = ""): Source => {
  const children = new Map<string, Source>()
  const childAt = (key: string, inner: unknown, at: string): Source => {
    const known = children.get(key) ?? sourceOf(inner, at)
    children.set(key, known)
    return known
  }
  const record = isRecord(value) ? value : {}
  const keys = Object.keys(record)
  const get = (key: string): Source | undefined =>
    !Object.hasOwn(record, key) ? undefined : childAt(key, record[key], path === "" ? key : `${path}.${key}`)
  const items = () =>
    Array.isArray(value)
      ? value.map((item: unknown, index) => childAt(String(index), item, `${path}[${index}]`))
      : [self]
  const self: Source = {
    path,
    isMap: isRecord(value),
    keys,
    get: (key) => {
      const found = get(key)
      return isEmpty(record[key]) ? undefined : found
    },
    text: typeof value === "string" ? value : undefined,
    items,
    texts: () => items().flatMap(({ text }) => text ?? []),
    record: () => keys.flatMap((key) => (get(key)?.text === undefined ? [] : [[key, get(key)?.text ?? ""] as const])),
    unread: () => {
      const read = [...children.values()].flatMap((each) => each.unread())
      const others = keys.filter((key) => !children.has(key)).map((key) => (path === "" ? key : `${path}.${key}`))
      return [...others, ...read]
    }
  }
  return self
}

/** Parses YAML; every scalar stays the text that it is in the file. Returns a message if it is not valid. */
export const readYaml = (text: string): { readonly value: unknown } | { readonly fault: string } => {
  const document = parseDocument(text, {
    schema: "failsafe",
    merge: true,
    logLevel: "silent",
    prettyErrors: false,
    uniqueKeys: false
  })
  const [error] = document.errors
  if (error !== undefined) return { fault: error.message.split("\n")[0] ?? "" }
  try {
    return { value: document.toJS({ maxAliasCount: 1000 }) as unknown }
  } catch (error) {
    // Aliases that are unknown, or too many.
    return { fault: String(error) }
  }
}

/** Collects what could not be translated. */
export interface Notes {
  readonly add: (key: string, text: string) => void
  readonly all: () => ReadonlyArray<Note>
}

export const makeNotes = (): Notes => {
  const notes: Array<Note> = []
  return { add: (key, text) => void notes.push({ key, text }), all: () => notes }
}
