import { createHash } from "node:crypto"

/** What an engine prints in a rehearsal. Digests come from names, so that they are the same each time. */
export const simulatedDigest = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`

export const simulatedImage = (reference: string, architecture: string): string =>
  JSON.stringify([{ Id: simulatedDigest(reference), Architecture: architecture, Size: 0, RepoDigests: null }])
