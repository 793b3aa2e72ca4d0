import { describe, expect } from "bun:test"
import { writeFileSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { Context, Effect, Layer, Stream } from "effect"
import { Events } from "../../../src/core/Events.ts"
import { LocalRegistry } from "../../../src/layers/registry/LocalRegistry.ts"
import { it } from "../../support/effect.ts"
import * as Fixtures from "./fixtures.ts"
import { blobs, naming } from "./stored.ts"

const { archive, docker20, docker25, file, folder, hexOf, image, layer, layerId, registryIn, sha256 } = Fixtures

/** Two images: the second has the layers of the first, and one more. */
const versions = Effect.gen(function* () {
  const first = image(yield* Effect.all([layer(30_000), layer(700)]))
  return { first, next: image([...first.layers, yield* layer(5000)]) }
})

/** The files of an archive, those with these names first. */
const reorder = (files: ReadonlyArray<Fixtures.File>, isFirst: (name: string) => boolean) => ({
  first: files.filter(({ name }) => isFirst(name)),
  rest: files.filter(({ name }) => !isFirst(name))
})

/** An archive that never ends after these files, and whether it is still open. */
const unfinished = (files: ReadonlyArray<Fixtures.File>) => {
  const state = { isOpen: true }
  // The last 1024 bytes are the end of a tar archive.
  const bytes = Effect.map(Fixtures.tar(files), (all) => Fixtures.stream(all.subarray(0, all.length - 1024)))
  return {
    state,
    archive: Stream.concat(Stream.unwrap(bytes), Stream.never).pipe(
      Stream.ensuring(Effect.sync(() => (state.isOpen = false)))
    )
  }
}

describe("adding an image whose other layers are in the store", () => {
  const top = ({ layers }: Fixtures.Image) => layers.at(-1) ?? new Uint8Array()
  const gzipped = (of: Fixtures.Image) => Fixtures.ociManifest(of, (layer) => gzipSync(layer))
  const cases = [
    {
      name: "docker before version 25",
      form: docker20,
      id: (of: Fixtures.Image) => of.id,
      needed: (of: Fixtures.Image) => [`${hexOf(of.id)}.json`, `${layerId(top(of))}/layer.tar`]
    },
    {
      name: "docker from version 25 on",
      form: docker25,
      id: (of: Fixtures.Image) => of.id,
      needed: (of: Fixtures.Image) => [`blobs/sha256/${sha256(top(of))}`, `blobs/sha256/${hexOf(of.id)}`]
    },
    {
      name: "docker's containerd store, with compressed layers",
      form: (of: Fixtures.Image) => Fixtures.ociLayout(of, (layer) => gzipSync(layer)),
      id: (of: Fixtures.Image) => `sha256:${sha256(Buffer.from(gzipped(of)))}`,
      needed: (of: Fixtures.Image) =>
        [sha256(gzipSync(top(of))), hexOf(of.id), sha256(Buffer.from(gzipped(of)))].map((hex) => `blobs/sha256/${hex}`)
    }
  ]
  const attested = (of: Fixtures.Image) => {
    const image = `sha256:${sha256(Buffer.from(gzipped(of)))}`
    const annotations = { "vnd.docker.reference.type": "attestation-manifest" }
    return JSON.stringify({ manifests: [{ digest: image }, { digest: `sha256:${"a".repeat(64)}`, annotations }] })
  }
  cases.push({
    name: "docker's containerd store, with an attestation",
    form: (of) => [
      ...Fixtures.ociLayout(of, (layer) => gzipSync(layer)).filter(({ name }) => name !== "index.json"),
      file(`blobs/sha256/${sha256(Buffer.from(attested(of)))}`, attested(of)),
      file("index.json", JSON.stringify({ manifests: [{ digest: `sha256:${sha256(Buffer.from(attested(of)))}` }] }))
    ],
    id: (of) => `sha256:${sha256(Buffer.from(attested(of)))}`,
    needed: (of) =>
      [sha256(gzipSync(top(of))), hexOf(of.id), gzipped(of), attested(of)].map(
        (text) => `blobs/sha256/${/^[a-f0-9]{64}$/.test(text) ? text : sha256(Buffer.from(text))}`
      )
  })
  for (const { form, id, name, needed } of cases) {
    it.live(`stops reading when it has the rest, from ${name}`, () =>
      Effect.gen(function* () {
        const { first, next } = yield* versions
        const directory = yield* folder
        const registry = yield* registryIn(directory)
        yield* registry.add({ ...naming(id(first)), archive: archive(form(first)) })
        const parts = reorder(form(next), (name) => needed(next).includes(name))
        expect(parts.first.length).toBe(needed(next).length)
        const half = unfinished(parts.first)
        const stored = yield* registry.add({ ...naming(id(next)), archive: half.archive })
        expect(half.state.isOpen).toBe(false)
        const whole = yield* registryIn(yield* folder)
        const expected = yield* whole.add({ ...naming(id(next)), archive: archive(form(next)) })
        expect({ ...stored, added: 0 }).toEqual({ ...expected, added: 0 })
        for (const hex of blobs(directory)) {
          expect(sha256(yield* Effect.promise(() => Bun.file(`${directory}/blobs/sha256/${hex}`).bytes()))).toBe(hex)
        }
      })
    )
  }

  it.live("reports as read what it needed to read", () =>
    Effect.gen(function* () {
      const { first, next } = yield* versions
      const context = yield* Layer.build(
        LocalRegistry.layer({ directory: yield* folder }).pipe(Layer.provideMerge(Fixtures.surroundings))
      )
      const registry = Context.get(context, LocalRegistry)
      const events = yield* Context.get(context, Events).subscribe
      yield* registry.add({ ...naming(first.id), archive: archive(docker20(first)), expectedBytes: 1_000_000 })
      const config = `${hexOf(next.id)}.json`
      const parts = reorder(docker20(next), (name) => name === config || name === `${layerId(top(next))}/layer.tar`)
      const half = unfinished(parts.first)
      yield* registry.add({ ...naming(next.id), archive: half.archive, expectedBytes: 1_000_000 })
      const progress = yield* events.pipe(
        Stream.filter((event) => event._tag === "StepProgress"),
        Stream.takeUntil(({ label, bytes }) => label === "new" && bytes < 30_000),
        Stream.runCollect
      )
      const read = progress.findLast(({ label }) => label === "read")
      expect(read?.bytes).toBeLessThan(30_000)
      expect(read?.total).toBe(read?.bytes)
    })
  )

  it.live("reads on if a blob of the store is damaged, and replaces it", () =>
    Effect.gen(function* () {
      const { first, next } = yield* versions
      const directory = yield* folder
      const registry = yield* registryIn(directory)
      yield* registry.add({ ...naming(first.id), archive: archive(docker25(first)) })
      const [damaged = new Uint8Array()] = first.layers
      const path = `${directory}/blobs/sha256/${sha256(damaged)}`
      writeFileSync(path, new Uint8Array(damaged.length))
      const base = `blobs/sha256/${sha256(damaged)}`
      const parts = reorder(docker25(next), (name) => name !== base)
      const stored = yield* registry.add({ ...naming(next.id), archive: archive([...parts.first, ...parts.rest]) })
      expect(stored.imageId).toBe(next.id)
      expect(sha256(yield* Effect.promise(() => Bun.file(path).bytes()))).toBe(sha256(damaged))
    })
  )

  it.live("reads on if the index lists several images, and takes the first of them", () =>
    Effect.gen(function* () {
      const { first, next } = yield* versions
      const registry = yield* registryIn(yield* folder)
      yield* registry.add({ ...naming(first.id), archive: archive(docker25(first)) })
      const other = image([yield* layer(900)])
      const manifest = (of: Fixtures.Image) => Fixtures.ociManifest(of, (layer) => layer)
      const describe = (bytes: string) => ({ digest: `sha256:${sha256(Buffer.from(bytes))}` })
      const list = JSON.stringify({ manifests: [other, next].map((of) => describe(manifest(of))) })
      const index = file("index.json", JSON.stringify({ manifests: [describe(list)] }))
      const blob = (bytes: string | Uint8Array) => file(`blobs/sha256/${sha256(Buffer.from(bytes))}`, bytes)
      const parts = (of: Fixtures.Image) => [manifest(of), of.config, ...of.layers.toReversed()].map(blob)
      const files = [blob(list), ...parts(next), ...parts(other), index]
      const id = describe(list).digest
      const stored = yield* registry.add({ ...naming(id), archive: archive(files) })
      expect(stored.imageId).toBe(other.id)
    })
  )

  it.live("still rejects an archive that ends before all of a new layer is read", () =>
    Effect.gen(function* () {
      const { first, next } = yield* versions
      const registry = yield* registryIn(yield* folder)
      yield* registry.add({ ...naming(first.id), archive: archive(docker20(first)) })
      const config = `${hexOf(next.id)}.json`
      const parts = reorder(docker20(next), (name) => name === config || name === `${layerId(top(next))}/layer.tar`)
      const bytes = yield* Fixtures.tar(parts.first)
      const cut = Fixtures.stream(bytes.subarray(0, 3000))
      const error = yield* Effect.flip(registry.add({ ...naming(next.id), archive: cut }))
      expect(error._tag === "ArchiveInvalid" ? error.problem._tag : error._tag).toBe("Unreadable")
    })
  )
})
