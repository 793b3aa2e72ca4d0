import { describe, expect } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { Effect, Exit, Scope } from "effect"
import { it } from "../../support/effect.ts"
import { archive, docker20, folder, hexOf, image, layer, registryIn } from "./fixtures.ts"

/** Pushes a new image in a run of its own, and returns its digest. */
const push = Effect.fnUntraced(function* (directory: string, tag: string, retain: number, alias?: string) {
  const scope = yield* Scope.make()
  const registry = yield* Scope.provide(registryIn(directory), scope)
  const own = image([yield* layer(500)])
  const { digest } = yield* registry.add({
    imageId: own.id,
    repository: "shop-web",
    ...(alias !== undefined && { alias }),
    tag,
    retain,
    archive: archive(docker20(own))
  })
  yield* Scope.close(scope, Exit.void)
  return digest
})

const names = (directory: string, kind: "_tags" | "_manifests") =>
  readdirSync(`${directory}/repositories/shop-web/${kind}`).sort()

describe("a version that is itself called latest", () => {
  for (const alias of [undefined, "shop/web"]) {
    it.live(
      `is removed like any other when newer ones were pushed${alias === undefined ? "" : ", with an alias"}`,
      () =>
        Effect.gen(function* () {
          const directory = yield* folder
          yield* push(directory, "latest", 1, alias)
          let last = ""
          for (const tag of ["v1", "v2", "v3"]) last = yield* push(directory, tag, 1, alias)
          expect(names(directory, "_tags")).toEqual(["v3"])
          expect(names(directory, "_manifests")).toEqual([hexOf(last)])
          if (alias === undefined) return
          // There `latest` means the image pushed last.
          const aliased = (tag: string) =>
            readFileSync(`${directory}/repositories/shop-web/_aliases/${alias}/${tag}`, "utf8")
          expect([aliased("latest"), aliased("v3")]).toEqual([last, last])
        })
    )
  }

  it.live("stays while it is one of the newest", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const first = yield* push(directory, "latest", 2)
      const second = yield* push(directory, "v1", 2)
      expect(names(directory, "_tags")).toEqual(["latest", "v1"])
      expect(names(directory, "_manifests")).toEqual([hexOf(first), hexOf(second)].sort())
    })
  )
})
