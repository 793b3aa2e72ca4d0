import { describe, expect } from "bun:test"
import { Effect, Exit } from "effect"
import type { BuildSource, Project } from "../../src/config/Project.ts"
import { it } from "../support/effect.ts"
import { failed, image as named, project, rehearse, server, service, succeeded } from "./rehearsal.ts"
import { errors, fakeDigest } from "./deploys.ts"

const source: BuildSource = { _tag: "Build", context: "/srv/web", dockerfile: "/srv/web/Dockerfile", args: {} }
const servers = [server("web1"), server("web2", { arch: "arm64" })]
const mixed = project({ servers, services: [service("web", ["web1", "web2"], { source })] })
const remote: Project["registry"] = { type: "remote", server: "r.example.com" }

/** The servers' own processors. */
const processors = (machine: string, script: string | undefined) =>
  script === "probe" ? succeeded(`docker 28.3.0 ${machine === "web2" ? "aarch64" : "x86_64"}\n[]`) : undefined

const run = (of: Project) =>
  rehearse(of, {
    override: (machine, { script }) => processors(machine._tag === "Remote" ? machine.server.name : "local", script)
  })

const builds = (lines: ReadonlyArray<string>) =>
  lines.flatMap((line) => /build --load .* --tag (\S+) --platform (\S+)/.exec(line)?.slice(1, 3).join(" ") ?? [])

describe("a service for several platforms", () => {
  it.effect("is built for each processor of its servers, which all pull the same index", () =>
    Effect.gen(function* () {
      const { exit, on } = yield* run(mixed)
      expect(Exit.isSuccess(exit)).toBe(true)
      const name = "localhost:9270/shop-web"
      expect(builds(on("local"))).toEqual([
        `${name}:abc1234-linux-amd64 linux/amd64`,
        `${name}:abc1234-linux-arm64 linux/arm64`
      ])
      const saves = on("local").filter((line) => line.startsWith("docker save"))
      expect(saves).toEqual([`docker save ${name}:abc1234-linux-amd64`, `docker save ${name}:abc1234-linux-arm64`])
      const parts = ["amd64", "arm64"].map((arch) => fakeDigest(`${name}:abc1234-linux-${arch}`))
      const from = `${name}@${fakeDigest(parts.join(" "))}`
      for (const server of ["web1", "web2"]) {
        expect(on(server).find((line) => line.startsWith("pull"))).toContain(`from=${from} name=${name}:abc1234`)
      }
    })
  )

  it.effect("is built for the platforms that deploy.yml names, whatever its servers are", () =>
    Effect.gen(function* () {
      const platforms = ["linux/amd64", "linux/arm/v7"]
      const web = service("web", ["web1"], { source: { ...source, platforms } })
      const { exit, on } = yield* run(project({ services: [web] }))
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(builds(on("local")).map((line) => line.split(" ")[1])).toEqual(platforms)
    })
  )

  it.effect("is one image, without an index, if it has one platform", () =>
    Effect.gen(function* () {
      const web = service("web", ["web2"], { source: { ...source, platforms: ["linux/arm64"] } })
      const { on } = yield* run(project({ servers, services: [web] }))
      const built = on("local").filter((line) => line.startsWith("docker build"))
      expect(built).toEqual([
        "docker build --file /srv/web/Dockerfile --tag localhost:9270/shop-web:abc1234 --platform linux/arm64 /srv/web"
      ])
    })
  )

  it.effect("is pushed to a remote registry with its index", () =>
    Effect.gen(function* () {
      const { exit, on } = yield* run({ ...mixed, registry: remote })
      expect(Exit.isSuccess(exit)).toBe(true)
      const name = "r.example.com/shop-web:abc1234"
      expect(on("local").filter((line) => line.startsWith("push"))).toEqual([
        `push engine=docker image=${name}-linux-amd64`,
        `push engine=docker image=${name}-linux-arm64`,
        `push-index engine=docker image=${name} -- ${name}-linux-amd64 ${name}-linux-arm64`
      ])
      expect(on("web2").find((line) => line.startsWith("pull"))).toContain(
        `from=r.example.com/shop-web@${fakeDigest(name)} name=${name}`
      )
    })
  )

  it.effect("is pushed by podman in one go", () =>
    Effect.gen(function* () {
      const { on } = yield* run({ ...mixed, engine: "podman", registry: remote })
      const pushes = on("local").filter((line) => line.startsWith("push"))
      expect(pushes.map((line) => line.split(" ")[0])).toEqual(["push-index"])
    })
  )

  it.effect("fails on a server of another processor, and says which platform to add", () =>
    Effect.gen(function* () {
      const platforms = ["linux/arm64", "linux/riscv64"]
      const { arch: _, ...web1 } = server("web1")
      const web = service("web", ["web1"], { source: { ...source, platforms } })
      const { exit } = yield* run(
        project({ servers: [web1], services: [web, service("db", ["web1"], { source: named("postgres:17") })] })
      )
      const [error] = errors(exit)
      expect(error).toMatchObject({ _tag: "ArchitectureMismatch", image: "arm64 and riscv64", needed: "amd64" })
      expect(error).toMatchObject({ remedy: "Add linux/amd64 to `build.platforms` of web." })
    })
  )

  it.effect("fails before it pushes anything if docker has no BuildKit", () =>
    Effect.gen(function* () {
      const { exit, on } = yield* rehearse(mixed, {
        override: (_, { script }) => (script === "builder" ? succeeded("plain 28.3.0 unset\n") : undefined)
      })
      expect(errors(exit)).toMatchObject([{ _tag: "BuilderUnable", keys: ["platforms"], lacks: "buildkit" }])
      expect(on("local").some((line) => line.startsWith("docker"))).toBe(false)
    })
  )

  it.effect("fails if its index cannot be pushed", () =>
    Effect.gen(function* () {
      const { exit, on } = yield* rehearse(
        { ...mixed, registry: remote },
        {
          override: (_, { script }) =>
            script === "push-index" ? failed("denied: requested access to the resource is denied") : undefined
        }
      )
      expect(errors(exit)).toMatchObject([{ _tag: "RegistryRefused" }])
      expect(on("web1").some((line) => line.startsWith("pull"))).toBe(false)
    })
  )
})
