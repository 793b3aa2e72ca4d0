/** A word of a trigger: text as it is, or a reference to a value of the event. */
export type Reference =
  | { readonly _tag: "Text"; readonly text: string }
  /** `$commit`: a value that jiji finds in the event. */
  | { readonly _tag: "Name"; readonly name: string }
  /** `$.head_commit.id`: a field of the payload, as it was sent. */
  | { readonly _tag: "Field"; readonly path: ReadonlyArray<string> }

const fieldPattern = /^\$(?:\.[A-Za-z0-9_-]+|\[\d+\])+$/u
const namePattern = /^\$([a-z][a-z_]*)$/u

const form = "write $name or $.field, alone or after --flag=, and $$ for a dollar sign"

/** Parses a value of `input`, or a word without `--flag=` before it. Returns what is wrong with it as a string. */
export const parseReference = (text: string): Reference | string => {
  if (!text.startsWith("$")) return { _tag: "Text", text }
  if (text.startsWith("$$")) return { _tag: "Text", text: text.slice(1) }
  const name = namePattern.exec(text)?.[1]
  if (name !== undefined) return { _tag: "Name", name }
  if (!fieldPattern.test(text)) return `${text} is not a reference; ${form}`
  return { _tag: "Field", path: text.slice(1).match(/[A-Za-z0-9_-]+/gu) ?? [] }
}

/** A word of a command: text that stays, and what follows it. */
export interface CommandWord {
  /** `--version=`, or nothing. */
  readonly before: string
  readonly value: Reference
}

/** Parses a word of a command. */
export const parseWord = (word: string): CommandWord | string => {
  const [, before = "", rest = word] = /^(--[^=]+=)(\$.*)$/su.exec(word) ?? []
  const value = parseReference(rest)
  if (typeof value === "string") return value
  // `v$tag` would silently be passed as it is.
  if (value._tag === "Text" && /(?<!\$)\$[a-z.[]/u.test(rest)) return `${word} has a reference inside; ${form}`
  return { before, value }
}
