import { encodeKey } from "./keys.ts"
import { shortestPattern } from "./PatternSet.ts"

/** A value in the middle of a longer base64 text, and a line of one, are told from other text by their length alone. */
const shortestInside = 8

/** After how many characters base64 is cut into lines: by coreutils and MIME, and by PEM. */
const widths = [76, 64]

/**
 * What stands for a value within the base64 of a longer text, `user:password` for one. Bytes go three at a time into
 * four characters, so there are three of them, and the characters at either end belong to the neighbours too.
 */
const inside = (value: string): ReadonlyArray<string> => {
  const bytes = Buffer.from(value)
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64")
    return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
  })
}

/** The lines of a text that is cut after so many characters. */
const cut = (text: string, width: number): ReadonlyArray<string> =>
  Array.from({ length: Math.ceil(text.length / width) }, (_, line) => text.slice(line * width, (line + 1) * width))

const base64Forms = (value: string): ReadonlyArray<string> => {
  const whole = Buffer.from(value).toString("base64")
  const parts = inside(value)
  // Without what pads it too: whoever encoded it may have added a line end.
  const lines = [whole, ...parts.slice(0, 1)].flatMap((text) => widths.flatMap((width) => cut(text, width)))
  const all = [whole, ...[...parts, ...lines].filter((text) => text.length >= shortestInside)]
  return [...all, ...all.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"))]
}

const json = (value: string): string => JSON.stringify(value).slice(1, -1)

/** As Go's encoder and templates write it, so that it may stand in HTML. */
const htmlJson = (value: string): string =>
  json(value).replaceAll(/[<>&]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`)

/**
 * The forms in which a value turns up in output: itself, its lines, and as base64, a URL, a form, JSON, a shell's
 * single quotes or an item's key in a path write it.
 */
export const secretForms = (value: string): ReadonlyArray<string> =>
  // The quotes and escapes alone of so short a value would blot out ordinary text.
  value.length < shortestPattern
    ? []
    : [
        value,
        value.trim(),
        ...value.split(/\r?\n/),
        ...base64Forms(value),
        encodeURIComponent(value.toWellFormed()),
        new URLSearchParams([["", value]]).toString().slice(1),
        json(value),
        htmlJson(value),
        value.replaceAll("'", "'\\''"),
        encodeKey(value)
      ]
