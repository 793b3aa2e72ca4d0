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

/** The digest that a file's name says it has: blobs of an OCI layout, configs of docker, configs and layers of podman. */
export const namedDigest = (path: string): string | undefined => {
  const digest = /^(?:blobs\/sha256\/([a-f0-9]{64})|([a-f0-9]{64})\.(?:json|tar))$/.exec(path)
  return digest === null ? undefined : `sha256:${digest[1] ?? digest[2]}`
}

/** The id in the path of a layer that docker's `save` wrote before version 25. */
export const layerId = (path: string): string | undefined => /^([a-f0-9]{64})\/layer\.tar$/.exec(path)?.[1]
