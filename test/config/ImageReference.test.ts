import { describe, expect, test } from "bun:test"
import { Redacted, Result, Schema } from "effect"
import * as ImageReference from "../../src/config/ImageReference.ts"
import type { RegistryConfig } from "../../src/config/Project.ts"

const password = { _tag: "Literal", value: Redacted.make("x") } as const
const remote = (server: string, namespace?: string): RegistryConfig => ({
  type: "remote",
  server,
  password,
  ...(namespace !== undefined && { namespace })
})
const local = (port: number): RegistryConfig => ({ type: "local", port })

const sha256 = `sha256:${"0123456789abcdef".repeat(4)}`

type Row = readonly [registry: RegistryConfig, project: string, service: string, user: string | undefined, name: string]
const table: ReadonlyArray<Row> = [
  // The examples of the registry reference.
  [
    remote("ghcr.io"),
    "project-name",
    "service",
    "your-github-username",
    "ghcr.io/your-github-username/project-name/service:version"
  ],
  [
    remote("docker.io"),
    "project",
    "service",
    "your-dockerhub-username",
    "docker.io/your-dockerhub-username/project-service:version"
  ],
  [
    remote("registry-1.docker.io"),
    "project",
    "service",
    "your-dockerhub-username",
    "docker.io/your-dockerhub-username/project-service:version"
  ],
  [
    remote("index.docker.io"),
    "project",
    "service",
    "your-dockerhub-username",
    "docker.io/your-dockerhub-username/project-service:version"
  ],
  [local(9270), "project", "service", undefined, "localhost:9270/project-service:version"],
  // Other ports, and a username that is left over.
  [local(5000), "shop", "web", "me", "localhost:5000/shop-web:version"],
  // Any other server needs neither username nor namespace.
  [remote("registry.example.com"), "shop", "web", undefined, "registry.example.com/shop-web:version"],
  [remote("registry.example.com:5000"), "shop", "web", "me", "registry.example.com:5000/shop-web:version"],
  // A namespace takes the place of what the username would give.
  [remote("ghcr.io", "acme/shop"), "shop", "web", undefined, "ghcr.io/acme/shop/web:version"],
  [remote("ghcr.io", "acme"), "shop", "web", "me", "ghcr.io/acme/web:version"],
  [remote("docker.io", "acme"), "shop", "web", "me", "docker.io/acme/shop-web:version"],
  [remote("registry.example.com", "team/a"), "shop", "web", undefined, "registry.example.com/team/a/shop-web:version"],
  // Capitals are accepted everywhere, and never reach a name.
  [remote("GHCR.io"), "Shop", "Web", "OctoCat", "ghcr.io/octocat/shop/web:version"],
  [remote("Docker.IO"), "Shop", "Web", "OctoCat", "docker.io/octocat/shop-web:version"],
  [remote("Registry.example.com", "Acme"), "Shop", "Web", undefined, "registry.example.com/acme/shop-web:version"],
  [local(9270), "Shop", "Web", undefined, "localhost:9270/shop-web:version"]
]

describe("an image's name is what the registry reference says", () => {
  for (const [registry, project, service, user, name] of table) {
    test(`${name} of ${registry.type === "local" ? "the local registry" : registry.server}`, () => {
      const named = Result.flatMap(ImageReference.ofService(registry, project, service, user), (repository) =>
        ImageReference.withTag(repository, "version")
      )
      expect(ImageReference.print(Result.getOrThrow(named))).toBe(name)
    })
  }
})

describe("a registry that names images by user needs one", () => {
  for (const [server, sentence] of [
    ["ghcr.io", "GHCR requires username to be configured"],
    ["docker.io", "Docker Hub requires username to be configured"],
    ["index.docker.io", "Docker Hub requires username to be configured"]
  ] as const) {
    test(server, () => {
      for (const user of [undefined, ""]) {
        const error = Result.getOrThrow(Result.flip(ImageReference.ofService(remote(server), "shop", "web", user)))
        expect([error._tag, error.message, error.exitCode]).toEqual(["UsernameRequired", sentence, 78])
        expect(error.remedy).toContain("builder.registry")
      }
    })
  }
})

test("a username that cannot be part of a name is an error with a way out", () => {
  const error = Result.getOrThrow(
    Result.flip(ImageReference.ofService(remote("docker.io"), "shop", "web", "me@example.com"))
  )
  expect(error.message).toStartWith(
    '"docker.io/me@example.com/shop-web" is not a valid image repository: use at most 255 lower-case letters and digits, with single `.`, `_` or `-` between them.'
  )
  expect(error.remedy).toContain("namespace")
})

test("checks tags and digests before they reach an engine", () => {
  const repository = { registry: "ghcr.io", path: "a/b" }
  for (const tag of ["", "-x", ".x", "a b", "a/b", "a;b", "x".repeat(129)]) {
    expect(Result.isFailure(ImageReference.withTag(repository, tag))).toBe(true)
    expect(ImageReference.isTag(tag)).toBe(false)
  }
  for (const digest of ["", "sha256:", sha256.toUpperCase(), sha256.slice(1), `${sha256}0`]) {
    expect(Result.isFailure(ImageReference.parse(`ghcr.io/a/b@${digest}`))).toBe(true)
  }
  expect(Result.isSuccess(ImageReference.withTag(repository, "x".repeat(128)))).toBe(true)
})

describe("a reference", () => {
  const parts = [
    ["nginx", { path: "nginx" }, "docker.io"],
    ["nginx:1.27", { path: "nginx", tag: "1.27" }, "docker.io"],
    ["octocat/shop:v1", { path: "octocat/shop", tag: "v1" }, "docker.io"],
    ["docker.io/library/nginx", { registry: "docker.io", path: "library/nginx" }, "docker.io"],
    ["index.docker.io/a/b", { registry: "index.docker.io", path: "a/b" }, "docker.io"],
    ["localhost/a", { registry: "localhost", path: "a" }, "localhost"],
    ["localhost:9270/shop-web:v1", { registry: "localhost:9270", path: "shop-web", tag: "v1" }, "localhost:9270"],
    ["[::1]:5000/a/b", { registry: "[::1]:5000", path: "a/b" }, "[::1]:5000"],
    [`ghcr.io/a/b:v1@${sha256}`, { registry: "ghcr.io", path: "a/b", tag: "v1", digest: sha256 }, "ghcr.io"]
  ] as const

  for (const [text, reference, registry] of parts) {
    test(`is parsed into its parts and printed as it was: ${text}`, () => {
      const parsed = Result.getOrThrow(ImageReference.parse(text))
      expect(parsed).toEqual(reference)
      expect(ImageReference.print(parsed)).toBe(text)
      expect(ImageReference.registryOf(parsed)).toBe(registry)
      expect(Schema.decodeSync(ImageReference.FromString)(text)).toEqual(reference)
      expect(Schema.encodeSync(ImageReference.FromString)(parsed)).toBe(text)
    })
  }

  test("can be pinned to a digest, without its tag", () => {
    const tagged = Result.getOrThrow(ImageReference.parse("ghcr.io/a/b:v1"))
    expect(ImageReference.print(ImageReference.withDigest(tagged, sha256))).toBe(`ghcr.io/a/b@${sha256}`)
    expect(ImageReference.repositoryOf(tagged)).toBe("ghcr.io/a/b")
  })

  test("is on the loopback only where its registry is", () => {
    const isOn = (text: string) => ImageReference.isOnLoopback(Result.getOrThrow(ImageReference.parse(text)))
    expect(["localhost:9270/a", "localhost/a", "ghcr.io/localhost", "a"].map(isOn)).toEqual([true, false, false, false])
    expect(["127.0.0.1:5000/a", "127.8.0.1:5000/a", "[::1]:5000/a"].filter(isOn)).toHaveLength(3)
    expect(["127.0.0.1.example.com:5000/a", "localhost.example.com:80/a", "10.0.0.1:5000/a"].filter(isOn)).toEqual([])
  })

  test("shows its registry even where only that is named", () => {
    expect(["ghcr.io", "ghcr.io/a/b:v1", "a/b"].map(ImageReference.registryNamed)).toEqual([
      "ghcr.io",
      "ghcr.io",
      "docker.io"
    ])
  })

  test("has a digest that people read by its first twelve digits", () => {
    expect(ImageReference.shortDigest(sha256)).toBe("0123456789ab")
  })
})

test("references of others' images are told from what is none", () => {
  for (const good of [
    "nginx",
    "nginx:1.27",
    "library/nginx",
    "localhost:5000/a/b:C_1",
    `nginx:1.27@${sha256}`,
    "a.b/c__d/e-f",
    "[::1]:5000/a"
  ]) {
    expect([good, ImageReference.referenceFault(good)]).toEqual([good, undefined])
  }
  for (const bad of [
    "",
    "Nginx",
    "a b",
    "-v",
    "nginx:",
    "nginx@",
    "a//b",
    "/a",
    "a/",
    "a:b:c",
    `a@${sha256}@${sha256}`,
    "a_.b",
    "--rm nginx",
    "a\n"
  ]) {
    expect([bad, ImageReference.referenceFault(bad)]).toEqual([bad, expect.stringMatching(/^must be /)])
  }
})

describe("what is no reference is told why", () => {
  for (const [text, fault] of [
    ["Acme/Shop:V1", "must be in lower case, except for the tag: acme/shop:V1"],
    ["https://ghcr.io/a/b", "must be an image reference such as ghcr.io/acme/app:1.2, without https://"],
    ["nginx:-x", 'must be an image reference such as nginx:1.27; "-x" is not a valid tag: use at most 128 '],
    ["nginx@sha256:1", 'must be an image reference such as nginx:1.27; "sha256:1" is not a valid digest: use sha256: '],
    [
      "my app",
      'must be an image reference such as nginx:1.27; "my app" is not a valid repository: use at most 255 lower-case '
    ]
  ] as const) {
    test(text, () => expect(ImageReference.referenceFault(text)).toStartWith(fault))
  }
})
