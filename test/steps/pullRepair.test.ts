import { describe, expect } from "bun:test"
import { Effect, Exit, Layer, Stream } from "effect"
import * as ImageReference from "../../src/config/ImageReference.ts"
import { Docker } from "../../src/layers/docker/Docker.ts"
import { DiskFull } from "../../src/layers/docker/DockerError.ts"
import * as Remote from "../../src/layers/docker/RemoteRegistryError.ts"
import { ImageCorrupted, LocalRegistry } from "../../src/layers/registry/LocalRegistry.ts"
import { RegistryContainer } from "../../src/layers/registryContainer/RegistryContainer.ts"
import * as Plan from "../../src/steps/Plan.ts"
import * as Pull from "../../src/steps/Pull.ts"
import * as ServeRegistry from "../../src/steps/ServeRegistry.ts"
import { it } from "../support/effect.ts"
import { project, server, service } from "./rehearsal.ts"

const blob = `sha256:${"2".repeat(64)}`

const pushed = {
  service: "web",
  repository: "localhost:9270/shop-web",
  reference: { registry: "localhost:9270", path: "shop-web", tag: "v1" },
  version: "v1",
  digest: `sha256:${"1".repeat(64)}`,
  imageId: "sha256:1d",
  architecture: "amd64"
}

const about = { machine: "web1", engine: "docker", reference: "localhost:9270/shop-web@sha256:11", detail: "failed" }
const mismatch = new Remote.DigestMismatch(about)

type PullError = Effect.Error<ReturnType<Docker["Service"]["pull"]>>

/** Pulls with an engine that fails in these ways, one after another, and then succeeds. */
const pulling = Effect.fnUntraced(function* (
  failures: ReadonlyArray<PullError>,
  options: {
    readonly repair?: Effect.Effect<ReadonlyArray<string>, ImageCorrupted>
    readonly image?: Partial<typeof pushed>
    readonly isContainer?: boolean
  } = {}
) {
  const container = options.isContainer === true ? { container: { image: "registry:3" } } : {}
  const of = project({ registry: { type: "local", port: 9270, ...container } })
  const engine = { name: "docker", version: "20", architecture: "amd64", containers: [] } as const
  const image = { ...pushed, ...options.image }
  const [work] = Plan.workOf({
    project: of,
    images: [image],
    plan: [Plan.plan(of, service("web", ["web1"]), engine, image, new Map())]
  })
  if (work === undefined) throw new Error("no work")
  const log: Array<string> = []
  const left = [...failures]
  const docker = Layer.mock(Docker, {
    save: (engine, reference) => {
      log.push(`save ${engine} ${ImageReference.print(reference)}`)
      return Stream.empty
    },
    push: ({ reference }) =>
      Effect.sync(() => {
        log.push(`push ${ImageReference.print(reference)}`)
        return image.digest
      }),
    pull: () =>
      Effect.suspend(() => {
        log.push("pull")
        const failure = left.shift()
        return failure === undefined
          ? Effect.succeed({ id: "sha256:1d", architecture: "amd64", size: 1, repoDigests: [], digest: "" })
          : Effect.fail(failure)
      })
  })
  const registry = Layer.mock(LocalRegistry, {
    serve: ({ port }) => Effect.succeed({ port }),
    repair: ({ digest, imageId, repository, tag }) => {
      log.push(`repair ${JSON.stringify({ digest, imageId, repository, tag })}`)
      return options.repair ?? Effect.succeed([blob])
    }
  })
  const containers = Layer.mock(RegistryContainer, {
    repair: ({ digest, port, push, repository }) => {
      log.push(`repair ${JSON.stringify({ digest, port, repository })}`)
      return Effect.as(Effect.orDie(push), [blob])
    }
  })
  const exit = yield* Effect.gen(function* () {
    const result = yield* ServeRegistry.step.run({ project: of, images: [image] })
    const served = "served" in result ? result.served : undefined
    return yield* Pull.step.run({
      project: of,
      server: { ...server("web1"), engine },
      work,
      ...(served && { served })
    })
  }).pipe(Effect.provide([docker, registry, containers]), Effect.scoped, Effect.exit)
  return { log, exit }
})

const failureOf = <A, E>(exit: Exit.Exit<A, E>) => Effect.flip(exit)

describe("a pull from the local registry that fails on a digest", () => {
  it.effect("repairs the image from the engine that built it, and pulls again", () =>
    Effect.gen(function* () {
      const { exit, log } = yield* pulling([mismatch])
      expect(Exit.isSuccess(exit)).toBe(true)
      const { digest, imageId } = pushed
      expect(log).toEqual([
        "pull",
        "save docker localhost:9270/shop-web:v1",
        `repair ${JSON.stringify({ digest, imageId, repository: "shop-web", tag: "v1" })}`,
        "pull"
      ])
    })
  )

  it.effect("fails with the engine's error if nothing is damaged", () =>
    Effect.gen(function* () {
      const { exit, log } = yield* pulling([mismatch], { repair: Effect.succeed([]) })
      expect(yield* failureOf(exit)).toBe(mismatch)
      expect(log.filter((line) => line === "pull")).toHaveLength(1)
    })
  )

  it.effect("repairs only once", () =>
    Effect.gen(function* () {
      const { exit, log } = yield* pulling([mismatch, mismatch])
      expect(yield* failureOf(exit)).toBe(mismatch)
      expect(log.map((line) => line.split(" ")[0])).toEqual(["pull", "save", "repair", "pull"])
    })
  )

  it.effect("fails with the repair's error if the image cannot be repaired", () =>
    Effect.gen(function* () {
      const corrupted = new ImageCorrupted({
        directory: "/registry",
        repository: "shop-web",
        tag: "v1",
        blob,
        reason: "no such image"
      })
      const { exit, log } = yield* pulling([mismatch], { repair: Effect.fail(corrupted) })
      expect(yield* failureOf(exit)).toBe(corrupted)
      expect(log.filter((line) => line === "pull")).toHaveLength(1)
    })
  )

  it.effect("repairs the image in a registry's container with another push, and pulls again", () =>
    Effect.gen(function* () {
      const { exit, log } = yield* pulling([mismatch], { isContainer: true })
      expect(Exit.isSuccess(exit)).toBe(true)
      const { digest } = pushed
      expect(log).toEqual([
        "pull",
        `repair ${JSON.stringify({ digest, port: 9270, repository: "shop-web" })}`,
        "push localhost:9270/shop-web:v1",
        "pull"
      ])
    })
  )
})

describe("a pull from the local registry", () => {
  for (const error of [
    new Remote.ImageNotFound(about),
    new Remote.RegistryLost(about),
    new Remote.RegistryFailing(about)
  ]) {
    it.effect(`also looks for damage after ${error._tag}`, () =>
      Effect.gen(function* () {
        const { exit, log } = yield* pulling([error])
        expect(Exit.isSuccess(exit)).toBe(true)
        expect(log.map((line) => line.split(" ")[0])).toEqual(["pull", "save", "repair", "pull"])
      })
    )
  }

  it.effect("does not look for damage after other failures", () =>
    Effect.gen(function* () {
      const full = new DiskFull({ machine: "web1", engine: "docker", detail: "no space left on device" })
      const { exit, log } = yield* pulling([full])
      expect(yield* failureOf(exit)).toBe(full)
      expect(log).toEqual(["pull"])
    })
  )
})
