/**
 * What would end a key too early, or begin another part of a path; and what a terminal, a CI system or a reader of lines
 * obeys. `%` is among them, so that no two keys are written the same.
 */
const unsafe = /[%/[\]\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu

/** An item's key as it stands in a path: `a/b` as `a%2Fb`, as URLs write it. */
export const encodeKey = (key: string): string => key.replaceAll(unsafe, encodeURIComponent)

/** The key that stands in a path. */
export const decodeKey = (encoded: string): string =>
  encoded.replaceAll(/(?:%[0-9A-F]{2})+/g, (bytes) => Buffer.from(bytes.replaceAll("%", ""), "hex").toString())
