import { expect, test } from "bun:test"
import { cacheLocation, cacheOfPlatform } from "../../../src/layers/docker/platformCache.ts"
import * as words from "../../../src/layers/docker/words.ts"

test.each([
  ["ghcr.io/acme/cache", "ghcr.io/acme/cache:linux-arm64"],
  ["localhost:5000/cache:main", "localhost:5000/cache:main-linux-arm64"],
  ["type=registry,ref=localhost:5000/cache,mode=max", "type=registry,ref=localhost:5000/cache:linux-arm64,mode=max"],
  ["type=registry,ref=ghcr.io/acme/cache:main", "type=registry,ref=ghcr.io/acme/cache:main-linux-arm64"],
  ["type=local,dest=/srv/cache,mode=max", "type=local,dest=/srv/cache/linux-arm64,mode=max"],
  ["type=local,src=/srv/cache", "type=local,src=/srv/cache/linux-arm64"],
  ["type=gha", "type=gha,scope=buildkit-linux-arm64"],
  ["type=gha,scope=web", "type=gha,scope=web-linux-arm64"],
  ["type=s3,bucket=b", "type=s3,bucket=b,name=buildkit-linux-arm64"],
  ["type=inline", "type=inline"]
])("the cache %s is %s for one of several platforms", (place, expected) => {
  expect(cacheOfPlatform(place, "linux/arm64")).toBe(expected)
})

test("places are the same whatever their options", () => {
  expect(cacheLocation("type=registry,ref=a/b,mode=max")).toBe(cacheLocation("a/b"))
  expect(cacheLocation("type=local,dest=/a,mode=max")).toBe(cacheLocation("type=local,src=/a"))
  expect(cacheLocation("type=gha")).toBe(cacheLocation("type=gha,scope=buildkit"))
  expect(cacheLocation("type=gha,scope=a")).not.toBe(cacheLocation("type=gha"))
})

const source = {
  _tag: "Build",
  context: "/srv",
  dockerfile: "/srv/Dockerfile",
  args: {},
  cacheFrom: ["ghcr.io/acme/cache", "ghcr.io/acme/base"],
  cacheTo: ["type=registry,ref=ghcr.io/acme/cache,mode=max"]
} as const

const caches = (engine: "docker" | "podman", isOneOfSeveral: boolean) =>
  words
    .build({ engine, source, reference: "shop-web:v1", platform: "linux/arm64", kind: "buildx", isOneOfSeveral })
    .flatMap((word, index, all) => ((all[index - 1] ?? "").startsWith("--cache") ? [word] : []))

test("a build for one of several platforms keeps a cache of its own, and reads others as they are", () => {
  expect(caches("docker", true)).toEqual([
    "ghcr.io/acme/cache:linux-arm64",
    "ghcr.io/acme/base",
    "type=registry,ref=ghcr.io/acme/cache:linux-arm64,mode=max"
  ])
  expect(caches("docker", false)).toEqual([...source.cacheFrom, ...source.cacheTo])
  // Podman has a tag for each step, so nothing is replaced, and it refuses a tag here.
  expect(caches("podman", true)).toEqual([...source.cacheFrom, ...source.cacheTo])
})
