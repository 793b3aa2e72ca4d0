import { posix } from "node:path"

/** A path in an archive in its shortest form; nothing where it leads out of the archive. */
export const normalise = (path: string): string | undefined => {
  const short = posix.normalize(path)
  return posix.isAbsolute(path) || short === ".." || short.startsWith("../") || path.includes("\0") ? undefined : short
}

/** Where a link in an archive leads: a symbolic link from its own folder, a hard one from the archive's top. */
export const linkTarget = (path: string, type: "symlink" | "link", target: string): string | undefined =>
  normalise(type === "symlink" && !posix.isAbsolute(target) ? posix.join(posix.dirname(path), target) : target)

/** Files of docker's first image format, which its `save` still writes and nothing here reads. */
export const isLegacy = (path: string): boolean =>
  /^[a-f0-9]{64}\/(?:VERSION|json)$/.test(path) || path === "repositories" || path === "oci-layout"

/** The digest that a blob of an OCI layout must have. */
export const blobDigest = (path: string): string | undefined => {
  const hex = /^blobs\/sha256\/([a-f0-9]{64})$/.exec(path)?.[1]
  return hex === undefined ? undefined : `sha256:${hex}`
}

/** The digest that a file may have by its name: docker calls configs so, podman layers too. */
export const likelyDigest = (path: string): string | undefined => {
  const hex = /^([a-f0-9]{64})\.(?:json|tar)$/.exec(path)?.[1]
  return hex === undefined ? blobDigest(path) : `sha256:${hex}`
}

/** The id in the path of a layer that docker's `save` wrote before version 25. */
export const layerId = (path: string): string | undefined => /^([a-f0-9]{64})\/layer\.tar$/.exec(path)?.[1]
