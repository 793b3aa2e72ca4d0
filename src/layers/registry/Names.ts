import { Schema } from "effect"

/** A content address: `sha256:` and 64 lower-case hexadecimal digits. Other algorithms are not used by any engine. */
export const Digest = Schema.String.check(Schema.isPattern(/^sha256:[a-f0-9]{64}$/, { expected: "a sha256 digest" }))

export const isDigest = (text: string): boolean => /^sha256:[a-f0-9]{64}$/.test(text)

const repository = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/

/** Whether this is a repository's name as the OCI distribution specification has it. Such a name is safe as a path. */
export const isRepository = (text: string): boolean => text.length <= 255 && repository.test(text)

/** Whether this is a tag as the OCI distribution specification has it. Such a tag is safe as a file's name. */
export const isTag = (text: string): boolean => /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/.test(text)

/** The hexadecimal part of a digest. */
export const hex = (digest: string): string => digest.slice("sha256:".length)

/** The digest of some bytes. */
export const digestOf = (bytes: Uint8Array): string =>
  `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`

/** An image's id as a digest: podman prints it without the algorithm. */
export const imageDigest = (id: string): string => (id.includes(":") ? id : `sha256:${id}`)
