import { describe } from "bun:test"
import { smallest } from "./project.ts"
import { testProblems } from "./problems.ts"

const build = (keys: string) => smallest.replace("image: nginx:1.27", `build: { ${keys} }`)
const cacheForm = "must be an image name, or type=… with options such as type=registry,ref=ghcr.io/acme/shop-cache"

describe("reports", () => {
  testProblems([
    [
      "a no_cache that is not a boolean",
      build("no_cache: sometimes"),
      '6 services.web.build.no_cache: must be true or false, not "sometimes"'
    ],
    ["a pull that is not a boolean", build("pull: 1"), "6 services.web.build.pull: must be true or false, not 1"],
    [
      "an unknown platform",
      build("platforms: [linux/amd65]"),
      '6 services.web.build.platforms[0]: must be linux/amd64, linux/arm64, linux/arm/v7, linux/arm/v6, linux/riscv64, linux/ppc64le or linux/s390x, not "linux/amd65"'
    ],
    [
      "no platforms",
      build("platforms: []"),
      "6 services.web.build.platforms: must be a list with at least one platform, not an empty list"
    ],
    [
      "a platform twice",
      build("platforms: [linux/amd64, linux/amd64]"),
      "6 services.web.build.platforms[1]: repeats linux/amd64"
    ],
    [
      "a server for which nothing is built",
      build("platforms: [linux/amd64]").replace("203.0.113.10", "203.0.113.10, arch: arm64"),
      "6 services.web.build.platforms: lacks linux/arm64, which web1 needs (its arch is arm64)"
    ],
    [
      "a cache that is neither an image nor typed",
      build("cache_from: ['ref=ghcr.io/acme/shop']"),
      `6 services.web.build.cache_from[0]: ${cacheForm}, not "ref=ghcr.io/acme/shop"`
    ],
    [
      "a typed cache with a space",
      build("cache_to: ['type=registry, ref=ghcr.io/acme/shop']"),
      `6 services.web.build.cache_to[0]: ${cacheForm}, not "type=registry, ref=ghcr.io/acme/shop"`
    ],
    [
      "a cache's image in upper case",
      build("cache_from: [ghcr.io/Acme/shop]"),
      "6 services.web.build.cache_from[0]: must be in lower case, except for the tag: ghcr.io/acme/shop"
    ],
    [
      "the value of a secret instead of its name",
      build("secrets: [hunter2]"),
      '6 services.web.build.secrets[0]: must be the name of a secret in capitals, such as API_TOKEN, not "hunter2"'
    ],
    [
      "a secret of a build twice",
      build("secrets: [NPM_TOKEN, NPM_TOKEN]"),
      "6 services.web.build.secrets[1]: repeats NPM_TOKEN"
    ],
    [
      "a file instead of the SSH agent",
      build("ssh: ~/.ssh/id_ed25519"),
      '6 services.web.build.ssh: must be default, for the SSH agent, not "~/.ssh/id_ed25519"'
    ]
  ])
})
