import { describe, expect, test } from "bun:test"
import { CommandLine } from "effect/process"
import type { BuildSource } from "../../../src/config/Project.ts"
import * as words from "../../../src/layers/docker/words.ts"

const source: BuildSource = {
  _tag: "Build",
  context: "/srv/shop",
  dockerfile: "/srv/shop/Dockerfile",
  args: {},
  noCache: true,
  pull: true,
  cacheFrom: ["ghcr.io/acme/shop-cache"],
  cacheTo: ["type=inline"],
  secrets: ["NPM_TOKEN", "PIP_TOKEN"],
  ssh: true
}

const line = (options: Partial<words.BuildWords>) =>
  CommandLine.display(words.build({ engine: "docker", source, reference: "a:1", ...options }))

const secrets =
  "--secret 'id=NPM_TOKEN,env=JIJI_SECRET_NPM_TOKEN' --secret 'id=PIP_TOKEN,env=JIJI_SECRET_PIP_TOKEN' --ssh default"

describe("the build command with BuildKit's options", () => {
  test("for buildx loads the image into the engine", () => {
    expect(line({ kind: "buildx" })).toBe(
      "docker buildx build --load --file /srv/shop/Dockerfile --tag a:1 --no-cache --pull " +
        `--cache-from ghcr.io/acme/shop-cache --cache-to 'type=inline' ${secrets} /srv/shop`
    )
  })

  test("for docker's client alone writes the cache into the image with a build argument", () => {
    expect(line({ kind: "buildkit" })).toBe(
      "docker build --file /srv/shop/Dockerfile --tag a:1 --no-cache --pull " +
        `--cache-from ghcr.io/acme/shop-cache --build-arg 'BUILDKIT_INLINE_CACHE=1' ${secrets} /srv/shop`
    )
  })

  test("for podman says which images to pull, because its versions disagree about a bare --pull", () => {
    expect(
      line({ engine: "podman", kind: "podman", source: { ...source, cacheTo: ["ghcr.io/acme/shop-cache"] } })
    ).toBe(
      "podman build --format docker --file /srv/shop/Dockerfile --tag a:1 --no-cache '--pull=always' " +
        `--cache-from ghcr.io/acme/shop-cache --cache-to ghcr.io/acme/shop-cache ${secrets} /srv/shop`
    )
  })

  test("can ignore the cache of a build that uses it", () => {
    const { noCache: _, ...cached } = source
    expect(line({ source: cached })).not.toContain("--no-cache")
    expect(line({ source: cached, noCache: true })).toContain("--no-cache")
  })
})
