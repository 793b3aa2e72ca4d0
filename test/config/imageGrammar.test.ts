import { describe, expect, test } from "bun:test"
import { Result } from "effect"
import * as ImageReference from "../../src/config/ImageReference.ts"

const isValid = (text: string) => Result.isSuccess(ImageReference.parse(text))

describe("an image reference", () => {
  for (const registry of [
    "localhost:99999",
    "localhost:65536",
    "localhost:0",
    "a..b",
    "a.-b",
    "a-.b",
    "a.",
    "-a.b",
    "a.b:"
  ]) {
    test(`has no registry ${registry}, as no engine accepts it`, () => {
      expect(isValid(`${registry}/x`)).toBe(false)
    })
  }

  for (const registry of [
    "localhost:65535",
    "localhost:1",
    "a.b",
    "a-b.c",
    "a--b.com",
    "10.0.0.1:5000",
    "[::1]:5000"
  ]) {
    test(`may have the registry ${registry}`, () => {
      expect(isValid(`${registry}/x`)).toBe(true)
    })
  }

  test("has one of the digests that the error text names", () => {
    expect(isValid(`x@sha256:${"a".repeat(64)}`)).toBe(true)
    expect(isValid(`x@sha512:${"a".repeat(128)}`)).toBe(true)
    for (const digest of [`sha256:${"A".repeat(64)}`, `sha512:${"a".repeat(64)}`, `sha384:${"a".repeat(96)}`]) {
      expect(ImageReference.referenceFault(`x@${digest}`)).toEndWith(
        "use sha256: and 64 lower-case hexadecimal digits, or sha512: and 128"
      )
    }
  })

  test("is of the same repository under the different names that engines give to it", () => {
    const same = (one: string, other: string) =>
      ImageReference.isSameRepository(
        Result.getOrThrow(ImageReference.parse(one)),
        Result.getOrThrow(ImageReference.parse(other))
      )
    expect(same("redis:7", "docker.io/library/redis")).toBe(true)
    expect(same("docker.io/redis", "index.docker.io/library/redis")).toBe(true)
    expect(same("me/web", "docker.io/me/web:v1")).toBe(true)
    expect(same("ghcr.io/redis", "ghcr.io/library/redis")).toBe(false)
    expect(same("redis", "me/redis")).toBe(false)
    expect(same("localhost:5000/web", "localhost:5001/web")).toBe(false)
  })
})
