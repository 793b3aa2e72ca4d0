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
