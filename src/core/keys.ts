/**
 * Characters to encode: the ones with a meaning in a path, and the control characters that a terminal, a CI system or a
 * line reader interprets. `%` is included so that two different keys always have different encodings.
 */
const unsafe = /[%/[\]\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu

/** Encodes an item's key for use in a path, as in a URL: `a/b` becomes `a%2Fb`. */
export const encodeKey = (key: string): string => key.replaceAll(unsafe, encodeURIComponent)

/** Decodes the result of {@link encodeKey}. */
export const decodeKey = (encoded: string): string =>
  encoded.replaceAll(/(?:%[0-9A-F]{2})+/g, (bytes) =>
    // Also in a browser, which has no Buffer. Bytes that are no text become \ufffd.
    new TextDecoder("utf-8", { ignoreBOM: true }).decode(
      Uint8Array.from(bytes.slice(1).split("%"), (byte) => Number.parseInt(byte, 16))
    )
  )
