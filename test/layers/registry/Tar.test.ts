import { describe, expect } from "bun:test"
import { Effect, Stream } from "effect"
import { packTar, type TarHeader as Packed } from "modern-tar"
import { it } from "../../support/effect.ts"
import type { Body } from "../../../src/layers/registry/Hashing.ts"
import * as Tar from "../../../src/layers/registry/Tar.ts"
import * as TarHeader from "../../../src/layers/registry/TarHeader.ts"
import { stream } from "./fixtures.ts"

const encode = (text: string) => new TextEncoder().encode(text)

/** Reads an archive and returns its entries, each with the beginning of its body: up to `most` pieces. */
const read = Effect.fnUntraced(function* (archive: Stream.Stream<Uint8Array, string>, most = Infinity) {
  const entries: Array<TarHeader.TarHeader & { readonly text: string }> = []
  const visit = Effect.fnUntraced(function* (header: TarHeader.TarHeader, body: Body<string>) {
    let text = ""
    for (let pieces = 0; pieces < most; pieces++) {
      const piece = yield* Effect.tryPromise({ try: async () => body.read(), catch: body.onError })
      if (piece === undefined) break
      text += new TextDecoder().decode(piece)
    }
    entries.push({ ...header, text })
    return header.name === "last"
  })
  yield* Tar.forEachEntry({ archive, onBroken: (detail) => detail, visit })
  return entries
})

const pack = (entries: ReadonlyArray<Partial<Packed> & { readonly name: string; readonly body?: string }>) =>
  Effect.promise(() =>
    packTar(
      entries.map(({ body = "", ...header }) => ({
        header: { size: encode(body).length, mtime: new Date(0), ...header },
        body: encode(body)
      }))
    )
  )

/** A header block with some bytes changed and a checksum that fits. */
const block = (edit: (block: Uint8Array) => void): Uint8Array => {
  const bytes = new Uint8Array(512)
  bytes.set(encode("file"), 0)
  bytes.set(encode("00000000003"), 124)
  bytes[156] = 0x30
  edit(bytes)
  bytes.fill(0x20, 148, 156)
  const sum = bytes.reduce((sum, byte) => sum + byte, 0)
  bytes.set(encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148)
  return bytes
}

const padded = (text: string): Uint8Array => {
  const bytes = new Uint8Array(Math.ceil(text.length / 512) * 512)
  bytes.set(encode(text))
  return bytes
}

const end = new Uint8Array(1024)
const join = (...parts: ReadonlyArray<Uint8Array>) => new Uint8Array(Buffer.concat(parts))

describe("a tar archive", () => {
  it.effect("has the same entries however its bytes are split", () =>
    Effect.gen(function* () {
      const long = `${"folder/".repeat(40)}name`
      const bytes = yield* pack([
        { name: "empty" },
        { name: "one", body: "1".repeat(511) },
        { name: "two", body: "2".repeat(512) },
        { name: `${"a".repeat(99)}/${"b".repeat(90)}`, body: "with a prefix" },
        { name: long, body: "with an extended header" },
        { name: "folder/", type: "directory" },
        { name: "link", type: "symlink", linkname: "one" },
        { name: "long link", type: "link", linkname: long }
      ])
      const whole = yield* read(stream(bytes, bytes.length))
      expect(whole.map(({ linkname, name, size, text, type }) => [name, type, size, text.length, linkname])).toEqual([
        ["empty", "file", 0, 0, ""],
        ["one", "file", 511, 511, ""],
        ["two", "file", 512, 512, ""],
        [`${"a".repeat(99)}/${"b".repeat(90)}`, "file", 13, 13, ""],
        [long, "file", 23, 23, ""],
        ["folder/", "other", 0, 0, ""],
        ["link", "symlink", 0, 0, "one"],
        ["long link", "link", 0, 0, long]
      ])
      for (const piece of [1, 7, 511, 512, 513, 1000]) expect(yield* read(stream(bytes, piece))).toEqual(whole)
    })
  )

  it.effect("continues with the next entry when a body is not read, or only half of it", () =>
    Effect.gen(function* () {
      const bytes = yield* pack([
        { name: "one", body: "1".repeat(5000) },
        { name: "two", body: "2".repeat(300) }
      ])
      expect((yield* read(stream(bytes, 512), 0)).map(({ name, text }) => [name, text])).toEqual([
        ["one", ""],
        ["two", ""]
      ])
      expect((yield* read(stream(bytes, 512), 1)).map(({ name, text }) => [name, text.length])).toEqual([
        ["one", 512],
        ["two", 300]
      ])
    })
  )

  it.effect("may have GNU's long names and links, in the old format without a prefix", () =>
    Effect.gen(function* () {
      const name = "n".repeat(600)
      const gnu = (bytes: Uint8Array) => {
        bytes.set(encode("ustar  \0"), 257)
        bytes.set(encode("not a prefix"), 345)
      }
      const extension = (flag: string, text: string) =>
        join(
          block((bytes) => {
            gnu(bytes)
            bytes[156] = flag.charCodeAt(0)
            bytes.set(encode((text.length + 1).toString(8).padStart(11, "0")), 124)
          }),
          padded(`${text}\0`)
        )
      const plain = join(block(gnu), padded("abc"))
      const bytes = join(extension("K", "target"), extension("L", name), plain, plain, end)
      expect(yield* read(stream(bytes))).toEqual([
        { name, type: "file", size: 3, linkname: "target", text: "abc" },
        { name: "file", type: "file", size: 3, linkname: "", text: "abc" }
      ])
    })
  )

  it.effect("may have attributes for all further entries", () =>
    Effect.gen(function* () {
      const record = "16 path=renamed\n"
      const global = block((bytes) => {
        bytes[156] = "g".charCodeAt(0)
        bytes.set(encode(record.length.toString(8).padStart(11, "0")), 124)
      })
      const plain = join(
        block(() => undefined),
        padded("abc")
      )
      const entries = yield* read(stream(join(global, padded(record), plain, plain, end)))
      expect(entries.map(({ name }) => name)).toEqual(["renamed", "renamed"])
    })
  )

  it.effect("is broken if it ends early, has no end, or is not a tar archive", () =>
    Effect.gen(function* () {
      const bytes = yield* pack([{ name: "one", body: "1".repeat(700) }])
      const broken = Effect.fnUntraced(function* (archive: Uint8Array) {
        return yield* Effect.flip(read(stream(archive)))
      })
      for (const length of [
        0,
        1,
        511,
        512,
        700,
        1212,
        1300,
        bytes.length - 1024,
        bytes.length - 512,
        bytes.length - 1
      ]) {
        expect(yield* broken(bytes.subarray(0, length))).toBe("Tar archive is truncated.")
      }
      const flipped = new Uint8Array(bytes)
      flipped[0] = 0x78
      expect(yield* broken(flipped)).toBe("Invalid tar header: checksum.")
      expect(yield* broken(join(end.subarray(0, 512), bytes))).toBe("Invalid end of a tar archive.")
      const huge = block((bytes) => {
        bytes[156] = "x".charCodeAt(0)
        bytes.set(encode("77777777777"), 124)
      })
      expect(yield* broken(join(huge, end))).toBe("A tar header is too large.")
    })
  )

  it.live("is not read further than its visitor wants", () =>
    Effect.gen(function* () {
      const bytes = yield* pack([{ name: "one", body: "1" }, { name: "last", body: "2" }, { name: "more" }])
      let isClosed = false
      const endless = Stream.concat(stream(bytes.subarray(0, 2048)), Stream.never).pipe(
        Stream.ensuring(Effect.sync(() => (isClosed = true)))
      )
      expect((yield* read(endless)).map(({ name, text }) => [name, text])).toEqual([
        ["one", "1"],
        ["last", "2"]
      ])
      expect(isClosed).toBe(true)
    })
  )

  it.effect("fails with its stream, even after its last byte", () =>
    Effect.gen(function* () {
      const bytes = yield* pack([{ name: "one", body: "1" }])
      const failing = Stream.concat(stream(bytes), Stream.fail("exit code 1"))
      expect(yield* Effect.flip(read(failing))).toBe("exit code 1")
    })
  )

  it.effect("may be followed by zeros", () =>
    Effect.gen(function* () {
      const bytes = yield* pack([{ name: "one", body: "1" }])
      expect((yield* read(stream(join(bytes, new Uint8Array(9000))))).length).toBe(1)
    })
  )
})

describe("a header", () => {
  it.effect("can have a size above 8 GiB, as a binary number or as an attribute", () =>
    Effect.sync(() => {
      const size = 40 * 1024 ** 3
      const binary = block((bytes) => {
        bytes.fill(0, 124, 136)
        bytes[124] = 0x80
        new DataView(bytes.buffer).setBigUint64(128, BigInt(size))
      })
      expect(TarHeader.parse(binary).header.size).toBe(size)
      expect(TarHeader.parsePax(encode(`20 size=${size}\n`))).toEqual({ size })
    })
  )

  it.effect("is invalid with a number that is none, or that is too large", () =>
    Effect.sync(() => {
      const wrong = block((bytes) => bytes.set(encode("0000000000x"), 124))
      expect(() => TarHeader.parse(wrong)).toThrow("Invalid tar header: size.")
      const large = block((bytes) => bytes.fill(0xff, 124, 136))
      expect(() => TarHeader.parse(large)).toThrow("Invalid tar header: size.")
    })
  )

  it.effect("is invalid with broken attributes", () =>
    Effect.sync(() => {
      for (const text of ["x", "9 path=a", "-1 path=a\n", "99 path=a\n", "0 path=a\n", "10 path=ab", "11 size=1a\n"]) {
        expect(() => TarHeader.parsePax(encode(text))).toThrow("Invalid tar header")
      }
      expect(TarHeader.parsePax(encode("9 path=a\n12 a=b=c\nxy\n"))).toEqual({ name: "a" })
    })
  )
})
