import { Effect, Option, Schema } from "effect"
import { Digest, digestOf } from "./Digest.ts"
import type { Store } from "./Store.ts"

/** The media type of the manifests that jiji makes. */
export const mediaType = "application/vnd.docker.distribution.manifest.v2+json"

/** The `Accept` header of a request for a manifest, or for an index of manifests. */
export const accepted = [
  mediaType,
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json"
].join(", ")

const Descriptor = Schema.Struct({ mediaType: Schema.String, size: Schema.Int, digest: Digest })

/** An image manifest: docker's (version 2, schema 2) or OCI's. Both have the same shape. */
export const Manifest = Schema.Struct({
  schemaVersion: Schema.Literal(2),
  mediaType: Schema.String,
  config: Descriptor,
  layers: Schema.Array(Descriptor)
})
export type Manifest = typeof Manifest.Type

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Manifest))

interface BlobInfo {
  readonly digest: string
  readonly size: number
}

/** How a layer's tar archive is compressed. */
export type Compression = "none" | "gzip" | "zstd"

/** Detects a layer's compression from its first bytes. */
export const detectCompression = (magic: Uint8Array): Compression =>
  magic[0] === 0x1f && magic[1] === 0x8b
    ? "gzip"
    : magic[0] === 0x28 && magic[1] === 0xb5 && magic[2] === 0x2f && magic[3] === 0xfd
      ? "zstd"
      : "none"

const types = {
  docker: {
    manifest: mediaType,
    config: "application/vnd.docker.container.image.v1+json",
    none: "application/vnd.docker.image.rootfs.diff.tar",
    gzip: "application/vnd.docker.image.rootfs.diff.tar.gzip"
  },
  oci: {
    manifest: "application/vnd.oci.image.manifest.v1+json",
    config: "application/vnd.oci.image.config.v1+json",
    none: "application/vnd.oci.image.layer.v1.tar",
    gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
    zstd: "application/vnd.oci.image.layer.v1.tar+zstd"
  }
} as const

/**
 * Makes the manifest of an image. The same image has the same bytes on every machine.
 *
 * Uses docker's media types, because podman ignores the HEALTHCHECK of an image with an OCI manifest. Uses OCI's for
 * images with a zstd layer, for which docker has no media type.
 */
export const make = (
  config: BlobInfo,
  layers: ReadonlyArray<BlobInfo & { readonly compression: Compression }>
): { readonly manifest: Manifest; readonly bytes: Uint8Array; readonly digest: string } => {
  const layerType = (compression: Compression) => {
    if (compression === "zstd") return types.oci.zstd
    return isOci ? types.oci[compression] : types.docker[compression]
  }
  const isOci = layers.some((layer) => layer.compression === "zstd")
  const family = isOci ? types.oci : types.docker
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: family.manifest,
    config: { mediaType: family.config, size: config.size, digest: config.digest },
    layers: layers.map(({ compression, digest, size }) => ({ mediaType: layerType(compression), size, digest }))
  }
  const bytes = new TextEncoder().encode(JSON.stringify(manifest))
  return { manifest, bytes, digest: digestOf(bytes) }
}

/** Reads a manifest from a store. None if it is missing or invalid. */
export const load = (store: Store, digest: string) =>
  Effect.map(
    store.readBlob(digest),
    Option.flatMap((bytes) => decode(new TextDecoder().decode(bytes)))
  )

/** The size in bytes of all blobs of some manifests. A blob that occurs twice counts once. */
export const totalSizeOf = (manifests: ReadonlyArray<Manifest>): number => {
  const parts = manifests.flatMap(({ config, layers }) => [config, ...layers])
  return [...new Map(parts.map((part) => [part.digest, part.size])).values()].reduce((a, b) => a + b, 0)
}

/** The size in bytes of all blobs of a manifest. */
export const totalSize = (manifest: Manifest): number => totalSizeOf([manifest])
