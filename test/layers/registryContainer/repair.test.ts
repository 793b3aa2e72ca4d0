import { describe, expect } from "bun:test"
import { Effect, Layer } from "effect"
import { Events } from "../../../src/core/Events.ts"
import { Scrubber } from "../../../src/core/Scrubber.ts"
import * as RegistryApi from "../../../src/layers/registryContainer/RegistryApi.ts"
import { RegistryContainer } from "../../../src/layers/registryContainer/RegistryContainer.ts"
import * as Recording from "../../../src/rehearsal/layers.ts"
import * as Answer from "../../../src/testing/Answer.ts"
import { it } from "../../support/effect.ts"

const digest = (digit: string) => `sha256:${digit.repeat(64)}`
const image = { repository: "shop-web", digest: digest("1") }
const folder = (digit: string) =>
  `/var/lib/registry/docker/registry/v2/blobs/sha256/${digit.repeat(2)}/${digit.repeat(64)}`

/** Runs with a registry whose image has these damages, one list for each look. Logs what happens. */
const using = <A, E>(
  damages: ReadonlyArray<ReadonlyArray<string>>,
  use: (
    containers: RegistryContainer["Service"],
    options: Parameters<RegistryContainer["Service"]["repair"]>[0]
  ) => Effect.Effect<A, E>,
  { code = 0, pushed = image.digest }: { readonly code?: number; readonly pushed?: string } = {}
) =>
  Effect.gen(function* () {
    const log: Array<string> = []
    const left = [...damages]
    const api: RegistryApi.RegistryApi = {
      ...RegistryApi.none,
      findDamaged: () => Effect.sync(() => left.shift() ?? []),
      addTags: (_, __, repository, tags) => {
        log.push(`tag ${repository} ${tags.join(" ")}`)
        return Effect.fail(new RegistryApi.RegistryRequestFailed("HTTP 405"))
      }
    }
    const answers = [
      Answer.from((_, { words }) => {
        log.push(words.join(" "))
        return { exitCode: code, stderr: code === 0 ? "" : "exec: rm: not found" }
      })
    ]
    const push = Effect.sync(() => {
      log.push("push")
      return pushed
    })
    const result = yield* Effect.flatMap(RegistryContainer, (containers) =>
      Effect.result(use(containers, { ...image, engine: "docker", port: 9270, push }))
    ).pipe(
      Effect.provide(
        RegistryContainer.layerWith(api).pipe(
          Layer.provide(Recording.layer(answers)),
          Layer.provide(Events.layer),
          Layer.provide(Scrubber.layer)
        )
      )
    )
    return { log, result }
  })

const repair = (damages: ReadonlyArray<ReadonlyArray<string>>, options?: Parameters<typeof using>[2]) =>
  using(damages, (containers, given) => containers.repair(given), options)

describe("repairing an image in a registry's container", () => {
  it.effect("removes damaged blobs, restarts the container and pushes the image again", () =>
    Effect.gen(function* () {
      const { log, result } = yield* repair([[digest("2"), digest("3")]])
      expect(result).toMatchObject({ _tag: "Success", success: [digest("2"), digest("3")] })
      expect(log).toEqual([
        `docker exec jiji-registry rm -rf ${folder("2")} ${folder("3")}`,
        "docker restart --time 2 jiji-registry",
        "push"
      ])
    })
  )

  it.effect("looks at the blobs again once a damaged manifest is repaired", () =>
    Effect.gen(function* () {
      const { log, result } = yield* repair([[image.digest], [digest("2")]])
      expect(result).toMatchObject({ success: [image.digest, digest("2")] })
      expect(log.filter((line) => line === "push")).toHaveLength(2)
    })
  )

  it.effect("does nothing if nothing is damaged", () =>
    Effect.gen(function* () {
      expect(yield* repair([])).toMatchObject({ log: [], result: { success: [] } })
    })
  )

  it.effect("tells a second server, whose pull failed meanwhile, what was repaired", () =>
    Effect.gen(function* () {
      const { log, result } = yield* using([[digest("2")]], (containers, options) =>
        Effect.all([containers.repair(options), containers.repair(options)], { concurrency: 2 })
      )
      expect(result).toMatchObject({ success: [[digest("2")], [digest("2")]] })
      expect(log.filter((line) => line === "push")).toHaveLength(1)
    })
  )

  it.effect("fails if the container has no rm, or the engine now has another image", () =>
    Effect.gen(function* () {
      const without = yield* repair([[digest("2")]], { code: 127 })
      expect(without.result).toMatchObject({ failure: { _tag: "RegistryContainerCorrupted", repository: "shop-web" } })
      expect(without.log).not.toContain("push")
      const other = yield* repair([[digest("2")]], { pushed: digest("4") })
      expect(other.result).toMatchObject({ failure: { reason: expect.stringContaining("other contents") } })
    })
  )
})

describe("the second name of an image in a registry's container", () => {
  it.effect("is only a warning if the registry refuses it", () =>
    Effect.gen(function* () {
      const { log, result } = yield* using([], (containers) =>
        containers.addAlias({ ...image, port: 9270, alias: "shop/web", tag: "v1" })
      )
      expect(result._tag).toBe("Success")
      expect(log).toEqual(["tag shop/web v1 latest"])
    })
  )
})
