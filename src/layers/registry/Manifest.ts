import { Effect, Option, Schema } from "effect"
import { Digest, digestOf } from "./Names.ts"
import type { Store } from "./Store.ts"

/** The media type of the manifests that are made here. */
export const mediaType = "application/vnd.docker.distribution.manifest.v2+json"

const Descriptor = Schema.Struct({ mediaType: Schema.String, size: Schema.Int, digest: Digest })

/** An image manifest: docker's version 2, schema 2, or the OCI one, which have the same shape. */
export const Manifest = Schema.Struct({
  schemaVersion: Schema.Literal(2),
  mediaType: Schema.String,
  config: Descriptor,
  layers: Schema.Array(Descriptor)
})
export type Manifest = typeof Manifest.Type

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Manifest))

interface Part {
  readonly digest: string
  readonly size: number
}

/** How a layer's tar archive is compressed. */
export type Compression = "none" | "gzip" | "zstd"

/** Tells a layer's compression by its first bytes. */
export const compressionOf = (magic: Uint8Array): Compression =>
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
 * The manifest of an image, and its bytes, which are the same for the same image everywhere.
 *
 * Docker's own type, because podman ignores a HEALTHCHECK in an image with an OCI manifest. Only zstd has no name there.
 */
export const make = (
  config: Part,
  layers: ReadonlyArray<Part & { readonly compression: Compression }>
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

/** A manifest in a store, if it is there and is one. */
export const load = (store: Store, digest: string) =>
  Effect.map(
    store.read(digest),
    Option.flatMap((bytes) => decode(new TextDecoder().decode(bytes)))
  )

/** Bytes of all that a manifest refers to. A layer that comes twice in an image is one blob. */
export const sizeOf = ({ config, layers }: Manifest): number =>
  [...new Map([config, ...layers].map((part) => [part.digest, part.size])).values()].reduce((a, b) => a + b, 0)
