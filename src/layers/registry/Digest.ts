import { Schema } from "effect"

const digestPattern = /^sha256:[a-f0-9]{64}$/

/** A content digest: `sha256:` and 64 lower-case hexadecimal digits. No engine uses another algorithm. */
export const Digest = Schema.String.check(Schema.isPattern(digestPattern, { expected: "a sha256 digest" }))

export const isDigest = (text: string): boolean => digestPattern.test(text)

/** The hexadecimal part of a digest. */
export const hex = (digest: string): string => digest.slice("sha256:".length)

/** Computes the digest of bytes. */
export const digestOf = (bytes: Uint8Array): string =>
  `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`

/** Converts an image id to a digest: podman prints ids without the algorithm. */
export const imageDigest = (id: string): string => (id.includes(":") ? id : `sha256:${id}`)
