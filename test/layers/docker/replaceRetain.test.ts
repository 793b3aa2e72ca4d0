import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { shells, replacing } from "./replacing.ts"

for (const shell of shells) {
  const { run } = replacing(shell)

  describe(`replacing a container with ${shell}`, () => {
    describe("keeps as many images as `retain` says:", () => {
      const images = [
        "sha256:i5 localhost:9270/shop-web v5 sha256:d5",
        "sha256:i4 localhost:9270/shop-web v4 sha256:d4",
        "sha256:i4 localhost:9270/shop-web v4b sha256:d4",
        "sha256:i3 localhost:9270/shop-web v3 <none>",
        "sha256:i2 localhost:9270/shop-web <none> sha256:d2",
        "sha256:x nginx 1 <none>"
      ]
      it.live("the newest ones, whatever their tags", () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.set("images", `${images.join("\n")}\n`)
          expect((yield* run(engine, { repository: "localhost:9270/shop-web", retain: 2 })).code).toBe(0)
          expect(engine.calls().filter((call) => call.startsWith("rmi"))).toEqual([
            "rmi localhost:9270/shop-web:v3",
            "rmi localhost:9270/shop-web@sha256:d2"
          ])
        })
      )

      it.live("all when there are few, and succeeds when one cannot be removed", () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.set("images", `${images.join("\n")}\n`)
          engine.fail("rmi", "image is being used by running container")
          const ended = yield* run(engine, { repository: "localhost:9270/shop-web", retain: 1 })
          expect(ended).toEqual({ code: 0, stdout: "started shop-web-next-0\n", stderr: "" })
          engine.set("log", "")
          yield* run(engine, { repository: "localhost:9270/shop-web", retain: 9, digest: "sha256:d9" })
          expect(engine.calls().filter((call) => call.startsWith("rmi"))).toEqual([])
        })
      )

      it.live("all that jiji did not build", () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.set("images", "sha256:i1  v1 <none>\nsha256:i2 nginx v1 <none>\n")
          expect((yield* run(engine, { retain: 0 })).code).toBe(0)
          expect(engine.calls().filter((call) => /^(image|rmi)/.test(call))).toEqual([])
        })
      )
    })
  })
}
