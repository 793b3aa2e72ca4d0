import { describe, expect, test } from "bun:test"
import { existsSync, readdirSync } from "node:fs"
import { Effect, Option } from "effect"
import type { StoredImage } from "../../../src/layers/registry/LocalRegistry.ts"
import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"
import * as Fixtures from "./fixtures.ts"

const { archive, docker20, folder, hexOf, image, layer, registryIn, sha256, tar } = Fixtures

const naming = (imageId: string) => ({ imageId, repository: "web", tag: "v1" })

/** A process that takes an image in from its stdin; it is gone with the scope. */
const importer = (directory: string, imageId: string) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      Bun.spawn([process.execPath, `${import.meta.dir}/importer.ts`, directory, imageId], {
        stdin: "pipe",
        stdout: "pipe",
        stderr: "inherit"
      })
    ),
    (child) =>
      Effect.promise(() => {
        child.kill("SIGKILL")
        return child.exited
      })
  )

/** Gives bytes to a process, which may be killed before it has read them. */
const send = (stdin: Bun.FileSink, bytes: Uint8Array, last: boolean) => {
  const ignore = () => undefined
  void Promise.resolve(stdin.write(bytes)).catch(ignore)
  void Promise.resolve(last ? stdin.end() : stdin.flush()).catch(ignore)
}

const names = (folder: string) => (existsSync(folder) ? readdirSync(folder) : [])
const reach = (condition: () => boolean) => untilEffect(condition, Boolean, { every: 1 })

/** Every file that has a blob's name is that blob. */
const expectWhole = Effect.fnUntraced(function* (directory: string) {
  for (const hex of names(`${directory}/blobs/sha256`)) {
    expect(sha256(yield* Effect.promise(() => Bun.file(`${directory}/blobs/sha256/${hex}`).bytes()))).toBe(hex)
  }
})

describe("several processes", () => {
  const moments = [
    ["in the first layer", 2_000_000, (directory: string) => names(`${directory}/tmp`).length === 1],
    ["in the second layer", 9_000_000, (directory: string) => names(`${directory}/tmp`).length === 2],
    ["while blobs get their names", Infinity, (directory: string) => names(`${directory}/blobs/sha256`).length > 0],
    ["after the manifest was written", Infinity, (directory: string) => names(`${directory}/images`).length > 0]
  ] as const
  for (const [moment, length, reached] of moments) {
    it.live(`an import killed ${moment} leaves nothing broken, and the next one cleans up`, () =>
      Effect.gen(function* () {
        const directory = yield* folder
        const one = image(yield* Effect.all([layer(6_000_000), layer(6_000_000), layer(50_000)]))
        const bytes = yield* tar(docker20(one))
        const child = yield* importer(directory, one.id)
        send(child.stdin, bytes.subarray(0, length), length === Infinity)
        yield* reach(() => reached(directory) || child.exitCode !== null)
        child.kill("SIGKILL")
        yield* Effect.promise(() => child.exited)
        yield* expectWhole(directory)

        const registry = yield* registryIn(directory)
        const found = yield* registry.find(naming(one.id))
        if (length !== Infinity) expect(Option.isNone(found)).toBe(true)
        const stored = yield* registry.add({ ...naming(one.id), archive: archive(docker20(one)) })
        yield* expectWhole(directory)
        expect(names(`${directory}/blobs/sha256`)).toContain(hexOf(stored.digest))
        expect(names(`${directory}/tmp`)).toEqual([])
        expect(Option.isSome(yield* registry.find(naming(one.id)))).toBe(true)
      })
    )
  }

  it.live(
    "a store is complete after one successful import, however many were killed before",
    () =>
      Effect.gen(function* () {
        const directory = yield* folder
        const one = image(yield* Effect.all([layer(3_000_000), layer(3_000_000), layer(50_000)]))
        const bytes = yield* tar(docker20(one))
        for (let kill = 0; kill < 8; kill++) {
          const child = yield* importer(directory, one.id)
          // From the middle of the archive to its end, and then a little later each time.
          const length = Math.round((bytes.length * (kill + 1)) / 4)
          send(child.stdin, bytes.subarray(0, length), length >= bytes.length)
          const isOwn = (name: string) => name.includes(`.${child.pid}.`)
          yield* reach(() => names(`${directory}/tmp`).some(isOwn) || child.exitCode !== null)
          yield* Effect.sleep(`${kill * 4} millis`)
          child.kill("SIGKILL")
          yield* Effect.promise(() => child.exited)
          yield* expectWhole(directory)
        }
        const registry = yield* registryIn(directory)
        const stored = yield* registry.add({ ...naming(one.id), archive: archive(docker20(one)) })
        yield* expectWhole(directory)
        expect(names(`${directory}/tmp`)).toEqual([])
        expect(names(`${directory}/leases`).length).toBe(1)
        expect(names(`${directory}/blobs/sha256`).sort()).toEqual(
          [stored.digest, stored.imageId, ...stored.layers.map(({ digest }) => digest)].map(hexOf).sort()
        )
      }),
    // Nine processes start one after the other, which takes a while on a busy machine.
    60_000
  )

  it.live("two simultaneous imports of an image agree, and share a store", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const one = image(yield* Effect.all([layer(6_000_000), layer(50_000)]))
      const bytes = yield* tar(docker20(one))
      const children = yield* Effect.all([importer(directory, one.id), importer(directory, one.id)])
      // Both are in the middle of the same layer before either may go on.
      for (const child of children) {
        send(child.stdin, bytes.subarray(0, 3_000_000), false)
      }
      yield* reach(() => names(`${directory}/tmp`).length === 2)
      for (const child of children) {
        send(child.stdin, bytes.subarray(3_000_000), true)
      }
      const outputs = yield* Effect.forEach(
        children,
        (child) => Effect.promise(() => new Response(child.stdout).text()),
        {
          concurrency: "unbounded"
        }
      )
      // Written by the importer, from this very type.
      const [first, second] = outputs.map((output) => JSON.parse(output) as StoredImage)
      expect(first?.digest).toStartWith("sha256:")
      expect(second?.digest).toBe(first?.digest ?? "")
      yield* expectWhole(directory)
      expect(names(`${directory}/blobs/sha256`).length).toBe(4)
      expect(names(`${directory}/tmp`)).toEqual([])
    })
  )
})

describe("skopeo", () => {
  const skopeo = Bun.which("skopeo")
  if (skopeo === null) return test.skip("is not installed", () => undefined)

  it.live("pulls the image that was added, by digest and by tag", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const registry = yield* registryIn(`${directory}/store`)
      const one = image(yield* Effect.all([layer(3_000_000), layer(700), layer(20_000)]))
      const stored = yield* registry.add({ ...naming(one.id), archive: archive(docker20(one)) })
      const { port } = yield* registry.serve({ port: 0 })
      for (const reference of [`@${stored.digest}`, ":v1"]) {
        const target = `${directory}/pulled${reference.length}`
        const words = [skopeo, "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false"]
        const child = Bun.spawn([...words, `docker://127.0.0.1:${port}/web${reference}`, `dir:${target}`], {
          stderr: "pipe"
        })
        const stderr = yield* Effect.promise(() => new Response(child.stderr).text())
        expect([yield* Effect.promise(() => child.exited), stderr]).toEqual([0, ""])
        expect(sha256(yield* Effect.promise(() => Bun.file(`${target}/manifest.json`).bytes()))).toBe(
          hexOf(stored.digest)
        )
        for (const bytes of [Buffer.from(one.config), ...one.layers]) {
          const pulled = yield* Effect.promise(() => Bun.file(`${target}/${sha256(bytes)}`).bytes())
          expect(sha256(pulled)).toBe(sha256(bytes))
        }
      }
    })
  )

  it.live("cannot push", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const registry = yield* registryIn(`${directory}/store`)
      const one = image([yield* layer(700)])
      yield* registry.add({ ...naming(one.id), archive: archive(docker20(one)) })
      const { port } = yield* registry.serve({ port: 0 })
      const bytes = yield* tar(docker20(one))
      yield* Effect.promise(() => Bun.write(`${directory}/image.tar`, bytes))
      const words = [skopeo, "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false"]
      const child = Bun.spawn(
        [...words, `docker-archive:${directory}/image.tar`, `docker://127.0.0.1:${port}/web:v2`],
        {
          stderr: "pipe"
        }
      )
      const stderr = yield* Effect.promise(() => new Response(child.stderr).text())
      expect(yield* Effect.promise(() => child.exited)).not.toBe(0)
      expect(stderr).toContain("read-only")
      expect(names(`${directory}/store/repositories/web/_tags`)).toEqual(["v1"])
    })
  )
})
