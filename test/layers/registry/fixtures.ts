import { randomBytes } from "node:crypto"
import { Context, Effect, FileSystem, Layer, Stream } from "effect"
import { packTar } from "modern-tar"
import { LocalRegistry } from "../../../src/layers/registry/LocalRegistry.ts"
import { Events } from "../../../src/core/Events.ts"
import { Scrubber } from "../../../src/core/Scrubber.ts"
import * as Platform from "../../../src/layers/Platform.ts"

export const sha256 = (bytes: Uint8Array): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex")

/** A file of an archive, or with `link` a symbolic link. */
export interface File {
  readonly name: string
  readonly bytes?: Uint8Array | string
  readonly link?: string
}

export const file = (name: string, bytes: Uint8Array | string): File => ({ name, bytes })

const encode = (bytes: Uint8Array | string): Uint8Array => (typeof bytes === "string" ? Buffer.from(bytes) : bytes)

/** A tar archive. */
export const tar = (files: ReadonlyArray<File>): Effect.Effect<Uint8Array> =>
  Effect.promise(() =>
    packTar(
      files.map(({ bytes = "", link, name }) =>
        link === undefined
          ? { header: { name, size: encode(bytes).length, mtime: new Date(0) }, body: encode(bytes) }
          : { header: { name, size: 0, type: "symlink", linkname: link, mtime: new Date(0) } }
      )
    )
  )

/** An image with its layers, none of which is seen anywhere else. */
export interface Image {
  readonly id: string
  readonly config: string
  readonly layers: ReadonlyArray<Uint8Array>
}

export const image = (layers: ReadonlyArray<Uint8Array>): Image => {
  const config = JSON.stringify({
    architecture: "amd64",
    os: "linux",
    config: { Cmd: ["/app"], Healthcheck: { Test: ["CMD", "/app", "health"] } },
    rootfs: { type: "layers", diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
    history: layers.map(() => ({ created: "1970-01-01T00:00:00Z", created_by: "test" }))
  })
  return { id: `sha256:${sha256(Buffer.from(config))}`, config, layers }
}

/** A layer: a tar archive with one file of random bytes. */
export const layer = (size: number): Effect.Effect<Uint8Array> =>
  Effect.suspend(() => tar([file("data", randomBytes(size))]))

export const hexOf = (id: string): string => id.slice("sha256:".length)

const index = (image: Image, config: string, layers: ReadonlyArray<string>) =>
  file("manifest.json", JSON.stringify([{ Config: config, RepoTags: null, Layers: layers }]))

/** What docker's ids of layers look like: made from the content, and not its digest. */
export const layerId = (layer: Uint8Array): string => sha256(Buffer.from(`docker ${sha256(layer)}`))

/** Written as docker's `save` does before version 25: the index comes last. */
export const docker20 = (image: Image): ReadonlyArray<File> => [
  ...image.layers.flatMap((layer) => {
    const id = layerId(layer)
    return [file(`${id}/VERSION`, "1.0"), file(`${id}/json`, "{}"), file(`${id}/layer.tar`, layer)]
  }),
  file(`${hexOf(image.id)}.json`, image.config),
  index(
    image,
    `${hexOf(image.id)}.json`,
    image.layers.map((layer) => `${layerId(layer)}/layer.tar`)
  ),
  file("repositories", "{}")
]

/** Written as podman's `save` does, with links for those who look for docker's names. */
export const podman = (image: Image): ReadonlyArray<File> => [
  ...image.layers.map((layer) => file(`${sha256(layer)}.tar`, layer)),
  file(`${hexOf(image.id)}.json`, image.config),
  ...image.layers.flatMap((layer): ReadonlyArray<File> => {
    const id = layerId(layer)
    return [{ name: `${id}/layer.tar`, link: `../${sha256(layer)}.tar` }, file(`${id}/VERSION`, "1.0")]
  }),
  index(
    image,
    `${hexOf(image.id)}.json`,
    image.layers.map((layer) => `${sha256(layer)}.tar`)
  ),
  file("repositories", "{}")
]

const blob = (bytes: Uint8Array | string) => file(`blobs/sha256/${sha256(encode(bytes))}`, bytes)
const describe = (mediaType: string, bytes: Uint8Array | string) => ({
  mediaType,
  digest: `sha256:${sha256(encode(bytes))}`,
  size: encode(bytes).length
})

/** The manifest that an OCI layout holds for an image, its layers compressed in some way. */
export const ociManifest = (image: Image, pack: (layer: Uint8Array) => Uint8Array): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: describe("application/vnd.oci.image.config.v1+json", image.config),
    layers: image.layers.map((layer) => describe("application/vnd.oci.image.layer.v1.tar+gzip", pack(layer)))
  })

/** An OCI layout, as `podman save --format oci-archive` writes it. */
export const ociLayout = (image: Image, pack: (layer: Uint8Array) => Uint8Array): ReadonlyArray<File> => {
  const manifest = ociManifest(image, pack)
  const descriptor = describe("application/vnd.oci.image.manifest.v1+json", manifest)
  return [
    ...image.layers.map((layer) => blob(pack(layer))),
    blob(image.config),
    blob(manifest),
    file("index.json", JSON.stringify({ schemaVersion: 2, manifests: [descriptor] })),
    file("oci-layout", `{"imageLayoutVersion":"1.0.0"}`)
  ]
}

/** An OCI layout with docker's index beside, as docker's `save` writes it from version 25 on. */
export const docker25 = (image: Image): ReadonlyArray<File> => [
  ...ociLayout(image, (layer) => layer),
  index(
    image,
    `blobs/sha256/${hexOf(image.id)}`,
    image.layers.map((layer) => `blobs/sha256/${sha256(layer)}`)
  )
]

/** Bytes in pieces, as a pipe gives them. */
export const stream = (bytes: Uint8Array, piece = 65_536): Stream.Stream<Uint8Array> =>
  Stream.range(0, Math.max(0, Math.ceil(bytes.length / piece) - 1)).pipe(
    Stream.map((at) => bytes.subarray(at * piece, (at + 1) * piece))
  )

export const archive = (files: ReadonlyArray<File>): Stream.Stream<Uint8Array> =>
  Stream.unwrap(Effect.map(tar(files), (bytes) => stream(bytes)))

/** A folder that is gone with the scope. */
export const folder = Effect.provide(
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped({ prefix: "jiji-registry-" })),
  Platform.layer
)

/** What a registry needs, beside a folder. */
export const surroundings = Layer.mergeAll(Platform.layer, Events.layer.pipe(Layer.provideMerge(Scrubber.layer)))

/** A registry in a folder. */
export const registryIn = (directory: string) =>
  Effect.map(Layer.build(LocalRegistry.layer({ directory }).pipe(Layer.provide(surroundings))), (context) =>
    Context.get(context, LocalRegistry)
  )
