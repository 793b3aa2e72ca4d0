import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { old, replacing, shells } from "./replacing.ts"

/** Seconds since the boot, as the kernel writes them. */
const uptime = (seconds: string) => `${seconds} 12345.67\n`

for (const shell of shells) {
  const { run, start } = replacing(shell)

  describe(`the seconds in which nothing answers, with ${shell}`, () => {
    for (const how of ["trial", "stop"] as const)
      it.live(`${how}: count from the stop of the old container to the start of the new one`, () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", old)
          engine.set("uptime", uptime("100.90"))
          engine.block("stop")
          const script = yield* start(engine, { how })
          yield* engine.blocked
          engine.set("uptime", uptime("103.97"))
          yield* engine.release
          expect((yield* script.ended).stdout).toMatch(/^started shop-web-next-\d 3\.07\n$/)
        })
      )

    it.live("end when the new container listens on its published port, before it has run long enough", () =>
      Effect.gen(function* () {
        const closed = Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data: () => {} } })
        const { port } = closed
        closed.stop(true)
        const engine = yield* FakeEngine.make()
        engine.set("pid", `${process.pid}\n`)
        engine.add("shop-web", "old", old)
        engine.set("uptime", uptime("100.00"))
        engine.block("start")
        const script = yield* start(engine, { how: "stop", settle: 7, ports: ["--publish", `8080:${port}`] })
        yield* engine.blocked
        engine.set("uptime", uptime("102.50"))
        const listener = yield* Effect.acquireRelease(
          Effect.sync(() => Bun.listen({ hostname: "0.0.0.0", port, socket: { data: () => {} } })),
          (server) => Effect.sync(() => server.stop(true))
        )
        expect(listener.port).toBe(port)
        yield* engine.release
        // It only naps after it has looked.
        yield* untilEffect(() => engine.get("naps").includes("7\n"))
        engine.set("uptime", uptime("109.50"))
        expect((yield* script.ended).stdout).toBe("started shop-web-next-0 2.50\n")
      })
    )

    it.live("are not reported where the old container runs until the new one is healthy", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        expect((yield* run(engine, { how: "beside" })).stdout).toBe("started shop-web-next-0\n")
        const first = yield* FakeEngine.make()
        expect((yield* run(first, { how: "stop" })).stdout).toBe("started shop-web-next-0\n")
      })
    )
  })
}
