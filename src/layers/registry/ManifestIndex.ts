import { Effect, Option, Schema } from "effect"
import { Digest, digestOf } from "./Digest.ts"
import * as Manifest from "./Manifest.ts"
import type { Store } from "./Store.ts"

/** The media types of an index: docker calls it a manifest list. */
const types = {
  docker: "application/vnd.docker.distribution.manifest.list.v2+json",
  oci: "application/vnd.oci.image.index.v1+json"
} as const

/** An index: the manifests of the same image for several platforms. */
export const Index = Schema.Struct({
  mediaType: Schema.Literals([types.docker, types.oci]),
  manifests: Schema.Array(Schema.Struct({ digest: Digest }))
})

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Index))

/** A manifest in an index. */
export interface Child {
  /** Such as `linux/amd64` or `linux/arm/v7`. */
  readonly platform: string
  readonly mediaType: string
  readonly digest: string
  /** The size of the manifest in bytes. */
  readonly size: number
}

/** Makes an index. The same manifests in the same order have the same bytes on every machine. */
export const make = (children: ReadonlyArray<Child>): { readonly bytes: Uint8Array; readonly digest: string } => {
  // An index of docker's type cannot have manifests of OCI's.
  const isDocker = children.every(({ mediaType }) => mediaType === Manifest.mediaType)
  const manifests = children.map(({ digest, mediaType, platform, size }) => {
    const [os, architecture, variant] = platform.split("/")
    return { mediaType, size, digest, platform: { architecture, os, ...(variant !== undefined && { variant }) } }
  })
  const index = { schemaVersion: 2, mediaType: isDocker ? types.docker : types.oci, manifests }
  const bytes = new TextEncoder().encode(JSON.stringify(index))
  return { bytes, digest: digestOf(bytes) }
}

/** Reads an index from a store. None if the blob is missing, or is no index. */
export const load = (store: Store, digest: string) =>
  Effect.map(
    store.readBlob(digest),
    Option.flatMap((bytes) => decode(new TextDecoder().decode(bytes)))
  )

/** The digests of the manifests in an index. None for anything else. */
export const childrenOf = (store: Store, digest: string) =>
  Effect.map(load(store, digest), (index) =>
    Option.isSome(index) ? index.value.manifests.map((child) => child.digest) : []
  )

/** The size in bytes of all blobs of an image, or of all images in an index. None if a manifest cannot be read. */
export const totalSize = Effect.fnUntraced(function* (store: Store, digest: string) {
  const children = yield* childrenOf(store, digest)
  const manifests = yield* Effect.forEach(children.length === 0 ? [digest] : children, (each) =>
    Manifest.load(store, each)
  )
  return Option.map(Option.all(manifests), Manifest.totalSizeOf)
})
