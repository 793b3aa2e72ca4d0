import { encodeKey } from "./keys.ts"
import { minPatternLength } from "./PatternSet.ts"
import { toVisible } from "./plainText.ts"

/** Fragments of base64 shorter than this are ignored, because they would match ordinary text. */
const minFragmentLength = 8

/** The line lengths of base64: 76 for coreutils and MIME, 64 for PEM. */
const lineWidths = [76, 64]

/**
 * Returns the base64 fragments of a value that is inside a longer encoded text, such as `user:password`. base64 encodes
 * three bytes as four characters, so there are three fragments, one per offset. The characters at each end are dropped,
 * since they also depend on the neighbouring bytes.
 */
const fragments = (value: string): ReadonlyArray<string> => {
  const bytes = Buffer.from(value)
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64")
    return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
  })
}

/** Splits a text into lines of the given width. */
const splitAt = (text: string, width: number): ReadonlyArray<string> =>
  Array.from({ length: Math.ceil(text.length / width) }, (_, line) => text.slice(line * width, (line + 1) * width))

const base64Forms = (value: string): ReadonlyArray<string> => {
  const encoded = Buffer.from(value).toString("base64")
  const parts = fragments(value)
  // Include the form without padding: a newline at the end of the value, as `echo` adds, changes the last characters.
  const lines = [encoded, ...parts.slice(0, 1)].flatMap((text) => lineWidths.flatMap((width) => splitAt(text, width)))
  const all = [encoded, ...[...parts, ...lines].filter((text) => text.length >= minFragmentLength)]
  return [...all, ...all.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"))]
}

const json = (value: string): string => JSON.stringify(value).slice(1, -1)

/** JSON as Go encodes it, which escapes `<`, `>` and `&` for use in HTML. */
const htmlJson = (value: string): string =>
  json(value).replaceAll(/[<>&]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`)

const formsOf = (value: string): ReadonlyArray<string> =>
  // The escaped forms of such a short value would match ordinary text.
  value.length < minPatternLength
    ? []
    : [
        value,
        toVisible(value),
        // Form data has `+` for a space.
        value.replaceAll(" ", "+"),
        ...base64Forms(value),
        encodeURIComponent(value.toWellFormed()),
        new URLSearchParams([["", value]]).toString().slice(1),
        json(value),
        htmlJson(value),
        value.replaceAll("'", "'\\''"),
        encodeKey(value)
      ]

/**
 * Returns the forms in which a secret can appear in output: the value itself, also without surrounding space, each of its
 * lines, and its encodings as base64, URL, form data, JSON, a single-quoted shell word, and an item's key in a path. The
 * scrubber also decodes URLs and JSON, so not every way to encode them is here.
 */
export const secretForms = (value: string): ReadonlyArray<string> => [
  ...formsOf(value),
  ...formsOf(value.trim()),
  // Programs may print a line without its indentation.
  ...value.split(/\r\n?|\n/).flatMap((line) => [line, line.trim()])
]
