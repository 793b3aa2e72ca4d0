import { posix } from "node:path"

/** Normalises a path in an archive; undefined if it points outside the archive. */
export const normalise = (path: string): string | undefined => {
  const short = posix.normalize(path)
  return posix.isAbsolute(path) || short === ".." || short.startsWith("../") || path.includes("\0") ? undefined : short
}

/** Resolves a link in an archive: a symbolic link is relative to its folder, a hard link to the archive's root. */
export const linkTarget = (path: string, type: "symlink" | "link", target: string): string | undefined =>
  normalise(type === "symlink" && !posix.isAbsolute(target) ? posix.join(posix.dirname(path), target) : target)

/** Files of docker's first image format. `docker save` still writes them, but jiji does not need them. */
export const isLegacy = (path: string): boolean =>
  /^[a-f0-9]{64}\/(?:VERSION|json)$/.test(path) || path === "repositories" || path === "oci-layout"

/** The digest that a blob of an OCI layout must have, by its path. */
export const blobDigest = (path: string): string | undefined => {
  const hex = /^blobs\/sha256\/([a-f0-9]{64})$/.exec(path)?.[1]
  return hex === undefined ? undefined : `sha256:${hex}`
}

/** The digest that a file probably has, by its name: docker names configs this way, podman also layers. */
export const digestFromName = (path: string): string | undefined => {
  const hex = /^([a-f0-9]{64})\.(?:json|tar)$/.exec(path)?.[1]
  return hex === undefined ? blobDigest(path) : `sha256:${hex}`
}

/** The id in the path of a layer, as written by `docker save` before version 25. */
export const layerId = (path: string): string | undefined => /^([a-f0-9]{64})\/layer\.tar$/.exec(path)?.[1]

/** Whether a file is certainly a layer. In an OCI layout the name of a blob does not say what it is. */
export const isLayer = (path: string): boolean => path.endsWith(".tar")
