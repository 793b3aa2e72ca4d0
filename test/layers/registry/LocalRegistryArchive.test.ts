import { describe, expect } from "bun:test"
import { existsSync, readdirSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { Effect, Option, Stream } from "effect"
import { it } from "../../support/effect.ts"
import { normalise } from "../../../src/layers/registry/ArchivePaths.ts"
import * as Fixtures from "./fixtures.ts"

const { archive, docker20, docker25, file, folder, hexOf, image, layer, ociLayout, registryIn, sha256, stream, tar } =
  Fixtures

const naming = (imageId: string) => ({ imageId, repository: "shop-web", tag: "v1" })
const sample = Effect.map(Effect.all([layer(30_000), layer(700)]), image)

const names = (folder: string) => (existsSync(folder) ? readdirSync(folder) : [])

/** Takes an archive in that must be refused, and returns the problem. Nothing of it may stay. */
const problem = Effect.fnUntraced(function* (imageId: string, bytes: Stream.Stream<Uint8Array>) {
  const directory = yield* folder
  const registry = yield* registryIn(directory)
  const error = yield* Effect.flip(registry.add({ ...naming(imageId), archive: bytes }))
  if (error._tag !== "ArchiveInvalid") return yield* Effect.die(error)
  expect(error.message).toContain(imageId)
  expect(Option.isNone(yield* registry.find(naming(imageId)))).toBe(true)
  expect([...names(`${directory}/tmp`), ...names(`${directory}/blobs/sha256`)]).toEqual([])
  return error.problem
})

/** The files of an archive with one of them changed, or left out. */
const edit = (files: ReadonlyArray<Fixtures.File>, name: string, bytes: Uint8Array | string | undefined) =>
  files.flatMap((other) => (other.name !== name ? [other] : bytes === undefined ? [] : [file(name, bytes)]))

describe("an invalid archive", () => {
  it.live("is rejected wherever it is truncated", () =>
    Effect.gen(function* () {
      const one = yield* sample
      const bytes = yield* tar(docker20(one))
      for (const length of [0, 1, 511, 512, 700, 5000, bytes.length - 1536, bytes.length - 1024, bytes.length - 512]) {
        const found = yield* problem(one.id, stream(bytes.subarray(0, length)))
        expect([length, found._tag]).toEqual([length, "Unreadable"])
      }
    })
  )

  it.live("is rejected if it is not a tar file", () =>
    Effect.gen(function* () {
      const one = yield* sample
      const text = new TextEncoder().encode("Error response from daemon: no such image\n".repeat(100))
      expect((yield* problem(one.id, stream(text)))._tag).toBe("Unreadable")
      expect((yield* problem(one.id, stream(gzipSync(yield* tar(docker20(one))))))._tag).toBe("Unreadable")
    })
  )

  it.live("is rejected if a path leads out of it", () =>
    Effect.gen(function* () {
      const one = yield* sample
      for (const name of ["../blob", "/etc/passwd", "a/../../b"]) {
        const files = [...docker20(one), file(name, "x")]
        expect(yield* problem(one.id, archive(files))).toEqual({ _tag: "UnsafePath", path: name })
      }
      for (const link of ["../../layer.tar", "/etc/passwd"]) {
        const files = [...docker20(one), { name: "a/layer.tar", link }]
        expect((yield* problem(one.id, archive(files)))._tag).toBe("UnsafePath")
      }
    })
  )

  it.live("is rejected if links are circular", () =>
    Effect.gen(function* () {
      const one = yield* sample
      const files = edit(docker20(one), `${hexOf(one.id)}.json`, undefined)
      const circle = [
        { name: `${hexOf(one.id)}.json`, link: "other" },
        { name: "other", link: `${hexOf(one.id)}.json` }
      ]
      expect((yield* problem(one.id, archive([...files, ...circle])))._tag).toBe("FileMissing")
    })
  )

  it.live("is rejected without an index, a config or a layer, with the name of what is missing", () =>
    Effect.gen(function* () {
      const one = yield* sample
      expect(yield* problem(one.id, archive(edit(docker20(one), "manifest.json", undefined)))).toEqual({
        _tag: "FileMissing",
        path: "manifest.json"
      })
      for (const name of [
        `${hexOf(one.id)}.json`,
        `${Fixtures.layerId(one.layers[1] ?? new Uint8Array())}/layer.tar`
      ]) {
        const found = yield* problem(one.id, archive(edit(docker20(one), name, undefined)))
        expect(found).toEqual({ _tag: "FileMissing", path: name })
      }
    })
  )

  it.live("is rejected if its JSON is invalid or has another shape", () =>
    Effect.gen(function* () {
      const one = yield* sample
      for (const text of ["", "{", "{}", "[{}]", `[{"Config":1,"Layers":[]}]`, `[{"Config":"x","Layers":"y"}]`]) {
        const found = yield* problem(one.id, archive(edit(docker20(one), "manifest.json", text)))
        expect([text, found._tag]).toEqual([text, "FileInvalid"])
      }
      const config = JSON.stringify({ rootfs: { diff_ids: ["sha256:short"] } })
      const id = `sha256:${sha256(Buffer.from(config))}`
      const files = edit(docker20(one), `${hexOf(one.id)}.json`, config)
      expect((yield* problem(id, archive(files)))._tag).toBe("FileInvalid")
    })
  )

  it.live("is rejected if its JSON is larger than any real one", () =>
    Effect.gen(function* () {
      const one = yield* sample
      const files = edit(docker20(one), "manifest.json", `[${" ".repeat(5_000_000)}]`)
      expect((yield* problem(one.id, archive(files)))._tag).toBe("FileInvalid")
    })
  )

  it.live("is rejected if a layer is not the one in the config", () =>
    Effect.gen(function* () {
      const one = yield* sample
      const [first = new Uint8Array()] = one.layers
      const path = `${Fixtures.layerId(first)}/layer.tar`
      const other = yield* layer(30_000)
      expect(yield* problem(one.id, archive(edit(docker20(one), path, other)))).toEqual({
        _tag: "ContentMismatch",
        path,
        expected: `sha256:${sha256(first)}`,
        actual: `sha256:${sha256(other)}`
      })
    })
  )

  it.live("is rejected if it has more or fewer layers than the config", () =>
    Effect.gen(function* () {
      const one = yield* sample
      const index = JSON.stringify([{ Config: `${hexOf(one.id)}.json`, Layers: [] }])
      const found = yield* problem(one.id, archive(edit(docker20(one), "manifest.json", index)))
      expect(found._tag).toBe("FileInvalid")
    })
  )

  it.live("is rejected if it contains another image, which it names", () =>
    Effect.gen(function* () {
      const [one, other] = yield* Effect.all([sample, sample])
      for (const form of [docker20, docker25]) {
        expect(yield* problem(one.id, archive(form(other)))).toEqual({ _tag: "ImageMissing", found: [other.id] })
      }
    })
  )

  it.live("is rejected if the content of a blob does not match its name", () =>
    Effect.gen(function* () {
      const one = yield* sample
      const packed = gzipSync(one.layers[0] ?? new Uint8Array())
      const files = ociLayout(one, (layer) => gzipSync(layer))
      const path = `blobs/sha256/${sha256(packed)}`
      const other = gzipSync(yield* layer(30_000))
      expect(yield* problem(one.id, archive(edit(files, path, other)))).toEqual({
        _tag: "ContentMismatch",
        path,
        expected: `sha256:${sha256(packed)}`,
        actual: `sha256:${sha256(other)}`
      })
    })
  )

  it.live("is rejected if a layer has other content than in the store", () =>
    Effect.gen(function* () {
      const registry = yield* registryIn(yield* folder)
      const one = yield* sample
      yield* registry.add({ ...naming(one.id), archive: archive(docker20(one)) })
      const [first = new Uint8Array()] = one.layers
      const changed = new Uint8Array(first)
      changed[600] = (changed[600] ?? 0) ^ 1
      const files = edit(docker20(one), `${Fixtures.layerId(first)}/layer.tar`, changed)
      const error = yield* Effect.flip(registry.add({ ...naming(one.id), archive: archive(files) }))
      expect(error._tag === "ArchiveInvalid" ? error.problem._tag : error._tag).toBe("ContentMismatch")
      expect(Option.isSome(yield* registry.find(naming(one.id)))).toBe(true)
    })
  )
})

describe("reading an archive", () => {
  it.live("does not depend on how its bytes are split", () =>
    Effect.gen(function* () {
      const one = yield* sample
      const bytes = yield* tar(docker20(one))
      for (const piece of [100, 511, 512, 513, 4096, bytes.length]) {
        const registry = yield* registryIn(yield* folder)
        const stored = yield* registry.add({ ...naming(one.id), archive: stream(bytes, piece) })
        expect(stored.imageId).toBe(one.id)
      }
    })
  )

  it.live("reads no more bytes than it can process", () =>
    Effect.gen(function* () {
      const one = image([yield* layer(40_000_000)])
      const bytes = yield* tar(docker20(one))
      let ahead = 0
      let most = 0
      const directory = yield* folder
      const registry = yield* registryIn(directory)
      const written = () => {
        const [name] = names(`${directory}/tmp`)
        return name === undefined ? 0 : Bun.file(`${directory}/tmp/${name}`).size
      }
      const counted = stream(bytes).pipe(
        Stream.tap((chunk) =>
          Effect.sync(() => {
            ahead += chunk.length
            most = Math.max(most, ahead - written())
          })
        ),
        Stream.take(600)
      )
      yield* Effect.flip(registry.add({ ...naming(one.id), archive: counted }))
      expect(most).toBeLessThan(4_000_000)
    })
  )

  for (const [name, form] of [
    ["docker's old form", docker20],
    ["an OCI layout", docker25],
    ["podman's form", Fixtures.podman]
  ] as const) {
    it.live(`does not write what is in the store already, from ${name}`, () =>
      Effect.gen(function* () {
        const directory = yield* folder
        const registry = yield* registryIn(directory)
        const one = image(yield* Effect.all([layer(3_000_000), layer(3_000_000)]))
        yield* registry.add({ ...naming(one.id), archive: archive(form(one)) })
        let written = 0
        const bytes = stream(yield* tar(form(one))).pipe(
          Stream.tap(() =>
            Effect.sync(() => {
              const sizes = names(`${directory}/tmp`).map((name) => Bun.file(`${directory}/tmp/${name}`).size)
              written = Math.max(written, ...sizes)
            })
          )
        )
        yield* registry.add({ ...naming(one.id), archive: bytes })
        // Nothing but the indexes of the archive.
        expect(written).toBeLessThan(5000)
      })
    )
  }

  it.effect("stays inside the archive", () =>
    Effect.sync(() => {
      expect(normalise("./a//b/../c")).toBe("a/c")
      for (const path of ["..", "../a", "/a", "a/../..", "a\0b"]) expect(normalise(path)).toBeUndefined()
    })
  )
})
