import { describe, expect } from "bun:test"
import { Effect, Layer, Redacted } from "effect"
import { createServer } from "node:net"
import { once } from "node:events"
import { join } from "node:path"
import type { BuildSource } from "../../../src/config/Project.ts"
import { argumentsOf, type Output } from "../../../src/layers/processes/Command.ts"
import { builder } from "../../../src/layers/docker/builder/builder.ts"
import { type BuildOptions, Docker } from "../../../src/layers/docker/Docker.ts"
import { Events } from "../../../src/core/Events.ts"
import { Scrubber } from "../../../src/core/Scrubber.ts"
import * as Answer from "../../../src/testing/Answer.ts"
import * as Recording from "../../../src/rehearsal/layers.ts"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"

const plain: BuildSource = { _tag: "Build", context: "/app", dockerfile: "/app/Dockerfile", args: {} }
const image = (architecture: string) => JSON.stringify([{ Id: "sha256:i1", Architecture: architecture, Size: 5 }])

/** Builds on a machine whose `builder.sh` prints this. The built images are for these architectures, one after another. */
const build = (
  found: string,
  source: Partial<BuildSource>,
  { built = ["amd64"], ...options }: Partial<BuildOptions> & { readonly built?: ReadonlyArray<string> } = {}
) => {
  const rest = [...built]
  const answer = Answer.from((_, { script, words }): Output => {
    const stdout = script === "builder" ? found : words[1] === "image" ? image(rest.shift() ?? "") : ""
    return { stdout, stderr: "", exitCode: 0 }
  })
  return Effect.gen(function* () {
    const docker = yield* Docker
    const result = yield* docker.build({
      engine: found.startsWith("podman") ? "podman" : "docker",
      service: "web",
      source: { ...plain, ...source },
      reference: { path: "a", tag: "1" },
      ...options
    })
    const { entries } = yield* Recording.Recording
    const commands = entries.flatMap((entry) => (entry._tag === "Command" ? [entry.command] : []))
    const builds = commands.filter(({ words }) => words.includes("build") && words[0] !== "sh")
    return { result, builds, asked: commands.filter(({ script }) => script === "builder").length }
  }).pipe(
    Effect.provide(
      Docker.layer.pipe(
        Layer.provideMerge(Recording.layer([answer])),
        Layer.provide(Events.layer),
        Layer.provide(Scrubber.layer)
      )
    )
  )
}

const failure = (found: string, source: Partial<BuildSource>) => Effect.flip(build(found, source))

describe("a build", () => {
  it.effect("does not look for BuildKit unless a key needs it", () =>
    Effect.gen(function* () {
      const { asked, builds } = yield* build("plain 28.2.2 unset", { noCache: true, pull: true })
      expect(asked).toBe(0)
      expect(builds.map(({ words }) => words.slice(0, 2))).toEqual([["docker", "build"]])
    })
  )

  it.effect("uses buildx, or turns on BuildKit in docker's client, for secrets", () =>
    Effect.gen(function* () {
      const secrets = new Map([["NPM_TOKEN", Redacted.make("hunter2")]])
      const source = { secrets: ["NPM_TOKEN"] }
      const buildx = yield* build("buildx 28.2.2 unset", source, { secrets })
      expect(buildx.builds[0]?.words.slice(0, 3)).toEqual(["docker", "buildx", "build"])
      const client = yield* build("buildkit 20.10.24+dfsg1 unset", source, { secrets })
      expect(client.builds[0]?.words.slice(0, 2)).toEqual(["docker", "build"])
      expect(client.builds[0]?.env).toMatchObject({ DOCKER_BUILDKIT: "1" })
      for (const [command] of [buildx.builds, client.builds]) {
        const value = command?.env?.["JIJI_SECRET_NPM_TOKEN"]
        expect(Redacted.isRedacted(value) && Redacted.value(value)).toBe("hunter2")
        expect(command?.words.join(" ")).not.toContain("hunter2")
      }
    })
  )

  it.effect("says what to install where docker has no BuildKit", () =>
    Effect.gen(function* () {
      const error = yield* failure("plain 28.2.2 found", { secrets: ["NPM_TOKEN"], ssh: true, cacheFrom: ["a"] })
      expect(error).toMatchObject({ _tag: "BuilderUnable", keys: ["cache_from", "secrets", "ssh"], lacks: "buildkit" })
      expect(error).toMatchObject({ exitCode: 69, remedy: expect.stringContaining("apt-get install docker-buildx") })
    })
  )

  it.effect("says that docker's client alone cannot write a cache", () =>
    Effect.gen(function* () {
      const old = "buildkit 20.10.24 unset"
      const typed = { cacheFrom: ["type=gha"], cacheTo: ["type=local,dest=/tmp/cache"] }
      expect(yield* failure(old, typed)).toMatchObject({ keys: ["cache_from", "cache_to"], lacks: "buildx" })
      expect(yield* failure(old, { cacheTo: ["ghcr.io/acme/cache"] })).toMatchObject({ keys: ["cache_to"] })
      yield* build(old, { cacheFrom: ["ghcr.io/acme/web"], cacheTo: ["type=inline"] })
    })
  )

  it.effect("says what podman cannot do with caches", () =>
    Effect.gen(function* () {
      const typed = { cacheFrom: ["type=registry,ref=a"] }
      expect(yield* failure("podman 5.4.2 unset", typed)).toMatchObject({ keys: ["cache_from"], lacks: "names" })
      const two = { cacheTo: ["ghcr.io/acme/a", "ghcr.io/acme/b"] }
      expect(yield* failure("podman 4.3.1 unset", two)).toMatchObject({ keys: ["cache_to"], lacks: "several" })
      yield* build("podman 4.4.0 unset", two)
    })
  )

  it.effect("fails if it needs an SSH agent and there is none", () =>
    Effect.gen(function* () {
      const unset = yield* failure("buildx 28.2.2 unset", { ssh: true })
      expect(unset).toMatchObject({ _tag: "BuildAgentMissing", agent: "unset", exitCode: 77 })
      expect(unset.message).toContain("SSH_AUTH_SOCK is not set")
      expect(yield* failure("podman 5.4.2 lost", { ssh: true })).toMatchObject({ agent: "lost" })
      const { builds } = yield* build("buildx 28.2.2 found", { ssh: true })
      expect(builds[0]?.words.join(" ")).toContain("--ssh default")
    })
  )

  it.effect("fails if it does not understand what builds", () =>
    Effect.gen(function* () {
      expect(yield* failure("kaniko 1 unset", { ssh: true })).toMatchObject({ _tag: "EngineUnclear" })
    })
  )

  it.effect("builds again without a cache that mistook the platform, and then gives up", () =>
    Effect.gen(function* () {
      const options = { platform: "linux/arm64" }
      const { builds, result } = yield* build("podman 4.3.1 unset", {}, { ...options, built: ["amd64", "arm64"] })
      expect(builds.map(({ words }) => words.includes("--no-cache"))).toEqual([false, true])
      expect(result.architecture).toBe("arm64")
      const error = yield* Effect.flip(build("podman 4.3.1 unset", {}, { ...options, built: ["amd64", "amd64"] }))
      expect(error.message).toBe("podman built the image of web for amd64, not for linux/arm64.")
      expect((yield* build("podman 4.3.1 unset", {}, { ...options, built: ["arm64"] })).builds).toHaveLength(1)
    })
  )
})

describe("builder.sh", () => {
  const docker = (version: string, buildx: string) =>
    `case $1 in --version) echo "Docker version ${version}, build e6534b4" ;; buildx) ${buildx} ;; esac`
  const find = (engine: "docker" | "podman", program: string, env: Readonly<Record<string, string>> = {}) =>
    Effect.gen(function* () {
      const fake = yield* FakeEngine.make(engine)
      fake.program(engine, program)
      const script = yield* fake.start("sh", builder.text, argumentsOf(builder.command({ engine })), env)
      const { code, stdout } = yield* script.ended
      return code === 0 ? stdout : code
    })

  it.live("finds buildx, BuildKit in an old client, and neither in a new one", () =>
    Effect.gen(function* () {
      expect(yield* find("docker", docker("28.2.2", "exit 0"))).toBe("buildx 28.2.2 unset\n")
      expect(yield* find("docker", docker("28.2.2", "exit 1"))).toBe("plain 28.2.2 unset\n")
      expect(yield* find("docker", docker("20.10.24+dfsg1", "exit 1"))).toBe("buildkit 20.10.24+dfsg1 unset\n")
      expect(yield* find("podman", "echo podman version 4.3.1")).toBe("podman 4.3.1 unset\n")
    })
  )

  it.live("fails with the engine's exit code", () =>
    Effect.gen(function* () {
      expect(yield* find("docker", "exit 127")).toBe(127)
    })
  )

  it.live("finds an SSH agent by its socket", () =>
    Effect.gen(function* () {
      const fake = yield* FakeEngine.make()
      const socket = join(fake.dir, "agent")
      const server = createServer().listen(socket)
      yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
      yield* Effect.promise(() => once(server, "listening"))
      const podman = "echo podman version 5.4.2"
      expect(yield* find("podman", podman, { SSH_AUTH_SOCK: socket })).toBe("podman 5.4.2 found\n")
      expect(yield* find("podman", podman, { SSH_AUTH_SOCK: `${socket}-gone` })).toBe("podman 5.4.2 lost\n")
    })
  )
})
