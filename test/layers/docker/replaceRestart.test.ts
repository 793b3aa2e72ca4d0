import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { old, replacing, same, shells } from "./replacing.ts"

const policyOf = (engine: FakeEngine.FakeEngine, name: string) => engine.get(`containers/${name}/policy`).trim()

/** docker, podman 4, which cannot change policies, and podman 5, which can. */
const engines = [
  ["docker", FakeEngine.make()],
  ["podman 4", FakeEngine.make("podman")],
  [
    "podman 5",
    Effect.tap(FakeEngine.make("podman"), (engine) =>
      Effect.sync(() => engine.set("update-help", "--memory string\n--restart string\n"))
    )
  ]
] as const

const labels = (restart: string) => ({ labels: { ...old.labels, restart } })

for (const shell of shells) {
  const { run, start } = replacing(shell)

  for (const [version, make] of engines)
    describe(`restart in deploy.yml with ${version} and ${shell}`, () => {
      for (const how of ["beside", "trial", "stop"] as const)
        for (const restart of ["always", "on-failure", "on-failure:5", "no"])
          it.live(`${how}: the new container gets ${restart}`, () =>
            Effect.gen(function* () {
              const engine = yield* make
              engine.add("shop-web", "old", { ...old, policy: version === "docker" ? "unless-stopped" : "always" })
              expect((yield* run(engine, { how, restart })).stdout).toStartWith("started")
              expect(policyOf(engine, "shop-web")).toBe(restart)
            })
          )

      it.live("an old container that is put back gets its own policy, not the new one's", () =>
        Effect.gen(function* () {
          const engine = yield* make
          engine.add("shop-web", "old", { ...labels("on-failure:5"), policy: "on-failure" })
          engine.set("states", "exited 0 \n")
          engine.set("events", "1\n")
          expect((yield* run(engine, { how: "stop", restart: "always" })).code).toBe(10)
          expect(engine.containers()).toEqual(["shop-web old running"])
          expect(policyOf(engine, "shop-web")).toStartWith("on-failure")
        })
      )

      it.live("a container without restart gets the default policy back when restart goes away", () =>
        Effect.gen(function* () {
          const engine = yield* make
          engine.add("shop-web", "old", { ...labels("no"), policy: "no" })
          expect((yield* run(engine)).stdout).toStartWith("started")
          expect(policyOf(engine, "shop-web")).toBe(version === "docker" ? "unless-stopped" : "always")
        })
      )

      it.live("leaves a container with its policy alone", () =>
        Effect.gen(function* () {
          for (const [policy, restart] of [
            ["no", "no"],
            ["always", "always"],
            ["on-failure", "on-failure:5"]
          ] as const) {
            const engine = yield* make
            engine.add("shop-web", "old", { labels: { ...same.labels, restart }, policy })
            expect((yield* run(engine, { restart })).stdout).toBe("unchanged old\n")
            expect(engine.calls()).toEqual([])
          }
        })
      )
    })

  describe(`a reboot with restart: always, docker and ${shell}`, () => {
    for (const how of ["beside", "trial", "stop"] as const)
      it.live(`${how}: does not start the stopped old container beside the new one`, () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", { ...labels("always"), policy: "always" })
          engine.block("rm")
          const script = yield* start(engine, { how, restart: "always" })
          yield* engine.blocked
          // The trial is also removed.
          if (how === "trial") {
            engine.block("rm")
            yield* engine.release
            yield* engine.blocked
          }
          expect([policyOf(engine, "shop-web"), policyOf(engine, "shop-web-next")]).toEqual([
            "unless-stopped",
            "always"
          ])
          yield* engine.release
          expect((yield* script.ended).code).toBe(0)
        })
      )
  })

  describe(`stop_timeout with ${shell}`, () => {
    for (const how of ["beside", "stop"] as const)
      it.live(`${how}: also holds for the old container`, () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", old)
          expect((yield* run(engine, { how, stopTimeout: "120" })).code).toBe(0)
          const stops = engine.calls().filter((call) => call.startsWith("stop"))
          expect([...new Set(stops)]).toEqual(["stop -t 120 old"])
        })
      )

    it.live("without it, the old container keeps its own", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        yield* run(engine)
        expect(engine.calls().filter((call) => call.startsWith("stop"))).toEqual(["stop old"])
      })
    )
  })
}
