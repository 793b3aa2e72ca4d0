import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { type Options, old, labels, shells, replacing } from "./replacing.ts"

for (const shell of shells) {
  const { run } = replacing(shell)

  describe(`replacing a container with ${shell}`, () => {
    it.live("starts the first container under its name", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        const ended = yield* run(engine, { how: "stop", ports: ["--publish", "80:80"] })
        expect(ended).toEqual({ code: 0, stdout: "started shop-web-next-0\n", stderr: "" })
        expect(engine.calls()).toEqual([
          `create --name shop-web-next --restart no --label-file /dev/stdin --publish 80:80 ${labels} shop-web:v2`,
          "start shop-web-next",
          "update --restart unless-stopped shop-web-next",
          "rename shop-web-next shop-web"
        ])
        expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
        expect(engine.get("naps")).toEndWith("2\n")
      })
    )

    it.live("beside: keeps the old container running until the new one is up", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        expect((yield* run(engine)).code).toBe(0)
        expect(engine.calls()).toEqual([
          `create --name shop-web-next --restart no --label-file /dev/stdin ${labels} shop-web:v2`,
          "start shop-web-next",
          "update --restart unless-stopped shop-web-next",
          "stop old",
          "rm --force old",
          "rename shop-web-next shop-web"
        ])
        expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
      })
    )

    it.live(
      "trial: tries the new container without ports, name and address before the old one releases its ports",
      () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", old)
          const exclusive = ["--network-alias", "web", "--ip", "172.18.3.4", "--publish", "80:80"]
          expect((yield* run(engine, { how: "trial", ports: exclusive })).code).toBe(0)
          expect(engine.calls()).toEqual([
            `create --name shop-web-trial --restart no --label-file /dev/stdin ${labels} shop-web:v2`,
            "start shop-web-trial",
            "rm --force shop-web-trial-0",
            `create --name shop-web-next --restart no --label-file /dev/stdin ${exclusive.join(" ")} ${labels} shop-web:v2`,
            "update --restart always old",
            "stop old",
            "start shop-web-next",
            "update --restart unless-stopped shop-web-next old",
            "stop old",
            "rm --force old",
            "rename shop-web-next shop-web"
          ])
          expect(engine.containers()).toEqual(["shop-web shop-web-next-1 running"])
          expect(engine.get("naps")).toEndWith("2\n")
        })
    )

    it.live("stop: stops the old container before the new one uses its data", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        expect((yield* run(engine, { how: "stop" })).code).toBe(0)
        expect(engine.calls().slice(1, 4)).toEqual(["update --restart always old", "stop old", "start shop-web-next"])
        expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
      })
    )

    it.live("waits for the health check to pass", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        engine.set("states", "running 0 starting\nrunning 0 starting\nrunning 0 healthy\n")
        expect((yield* run(engine)).code).toBe(0)
        expect(engine.get("naps")).toEndWith("0.2\n0.2\n")
      })
    )

    it.live("runs podman's health check itself, and tolerates failures at first", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make("podman")
        engine.set("states", "running 0 starting\nrunning 0 unhealthy\nrunning 0 healthy\n")
        expect((yield* run(engine)).code).toBe(0)
        expect(engine.calls().filter((call) => call.startsWith("healthcheck"))).toEqual([
          "healthcheck run shop-web-next",
          "healthcheck run shop-web-next"
        ])
      })
    )

    it.live("stops waiting at the deadline for a health check that podman never ends", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make("podman")
        engine.add("shop-web", "old", old)
        engine.set("states", "running 0 starting\n")
        engine.block("healthcheck run")
        const ended = yield* run(engine, { limit: 1 })
        expect(ended).toMatchObject({
          code: 10,
          stdout: expect.stringMatching(/^unhealthy was not healthy after 1 s\n/)
        })
        expect(engine.containers()).toEqual(["shop-web old running"])
        expect(engine.isRunning()).toBe(false)
      })
    )

    const whys: ReadonlyArray<readonly [string, string, Options]> = [
      ["running 0 starting\nrunning 0 unhealthy\n", "is unhealthy", {}],
      ["running 0 starting\n", "was not healthy after 0 s", { limit: 0 }],
      ["exited 0 \n", "stopped with exit code 7", {}],
      ["running 0 \nexited 0 \n", "stopped with exit code 7", {}],
      ["running 1 \n", "crashed and was restarted", {}],
      ["restarting 2 \n", "crashed and was restarted", {}],
      ["running 0 \n", "does not use the image that was pulled as shop-web:v2", { id: "sha256:other" }]
    ]
    for (const how of ["beside", "trial", "stop"] as const)
      for (const [states, why, options] of whys)
        it.live(`${how}: keeps the old container when the new one ${why} (${JSON.stringify(states)})`, () =>
          Effect.gen(function* () {
            const engine = yield* FakeEngine.make()
            engine.add("shop-web", "old", old)
            engine.set("states", states)
            const ended = yield* run(engine, { ...options, how })
            expect(ended).toEqual({ code: 10, stdout: `unhealthy ${why}\nits last line\nand an error\n`, stderr: "" })
            expect(engine.containers()).toEqual(["shop-web old running"])
            expect(engine.calls().includes("stop old")).toBe(how === "stop")
          })
        )

    it.live("leaves nothing behind when the first container does not start", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.set("states", "exited 0 \n")
        // 10 would mean that an old container runs.
        expect((yield* run(engine)).code).toBe(13)
        expect(engine.containers()).toEqual([])
      })
    )

    for (const how of ["beside", "trial", "stop"] as const)
      for (const operation of ["create", "start", ...(how === "stop" ? ["stop"] : [])])
        it.live(`${how}: keeps the old container when the engine fails to ${operation}`, () =>
          Effect.gen(function* () {
            const engine = yield* FakeEngine.make()
            engine.add("shop-web", "old", old)
            engine.fail(operation, "Error response from daemon: no")
            const ended = yield* run(engine, { how })
            const running = operation === "start" && how === "stop" ? "exited" : "running"
            const code = operation !== "start" ? 1 : running === "running" ? 10 : 13
            const stdout = operation === "start" ? "unstarted\n" : ""
            expect(ended).toEqual({ code, stdout, stderr: "Error response from daemon: no\n" })
            // An engine that starts nothing cannot start the old one again either; it is asked to.
            expect(engine.containers()).toEqual([`shop-web old ${running}`])
            const calls = engine.calls().filter((call) => !call.startsWith("update"))
            if (how === "stop" && operation !== "create") expect(calls.at(-1)).toBe("start old")
          })
        )
  })
}
