import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { old, replacing, shells } from "./replacing.ts"

/** Opens a port on this machine. */
const listening = (hostname: string) =>
  Effect.acquireRelease(
    Effect.sync(() => Bun.listen({ hostname, port: 0, socket: { data: () => {} } })),
    (server) => Effect.sync(() => server.stop(true))
  )

/** A port that nothing listens on. */
const closedPort = Effect.sync(() => {
  const server = Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data: () => {} } })
  server.stop(true)
  return server.port
})

/** An engine whose containers share the network namespace of this process. */
const engineOnThisMachine = Effect.map(FakeEngine.make(), (engine) => {
  engine.set("pid", `${process.pid}\n`)
  engine.add("shop-web", "old", old)
  return engine
})

for (const shell of shells) {
  const { run } = replacing(shell)

  describe(`published ports with ${shell}`, () => {
    for (const hostname of ["0.0.0.0", "::"])
      it.live(`accepts a container that listens on ${hostname}`, () =>
        Effect.gen(function* () {
          const { port } = yield* listening(hostname)
          const engine = yield* engineOnThisMachine
          const ports = ["--publish", `127.0.0.1:80:${port}`, "--publish", `[::1]:80:${port}/tcp`]
          expect((yield* run(engine, { how: "trial", ports, limit: 0 })).code).toBe(0)
        })
      )

    for (const how of ["beside", "trial", "stop"] as const)
      it.live(`${how}: keeps the old container when nothing listens on a published port of the new one`, () =>
        Effect.gen(function* () {
          const other = yield* listening("0.0.0.0")
          const port = yield* closedPort
          const engine = yield* engineOnThisMachine
          const ports = ["--publish", `8081:${port}`, "--publish", `8082:${other.port}`]
          const ended = yield* run(engine, { how, ports, limit: 0 })
          expect(ended.code).toBe(10)
          expect(ended.stdout).toStartWith(`unhealthy accepts no connections on port ${port} after 0 s; it listens on `)
          expect(ended.stdout.split("\n")[0]?.split(/[ ,]+/)).toContain(`${other.port}`)
          expect(engine.containers()).toEqual(["shop-web old running"])
          expect(engine.calls().includes("stop old")).toBe(how === "stop")
        })
      )

    it.live("are only those of the words that publish some", () =>
      Effect.gen(function* () {
        const engine = yield* engineOnThisMachine
        const place = ["--network-alias", "web", "--ip", "172.18.3.4", "--label", "jiji.address=172.18.3.4"]
        const ports = [...place, "--publish", `80:${yield* closedPort}/udp`]
        expect((yield* run(engine, { ports, limit: 0 })).code).toBe(0)
        const { port } = yield* listening("0.0.0.0")
        expect(
          (yield* run(engine, { digest: "sha256:d3", ports: [...place, "--publish", `80:${port}`], limit: 0 })).code
        ).toBe(0)
      })
    )

    it.live("rejects a port that is open on 127.0.0.1 only, and says so", () =>
      Effect.gen(function* () {
        const { port } = yield* listening("127.0.0.1")
        const engine = yield* engineOnThisMachine
        const ended = yield* run(engine, { ports: ["--publish", `8081:${port}`], limit: 0 })
        expect(ended.code).toBe(10)
        expect(ended.stdout.split("\n")[0]).toEndWith(`${port} of 127.0.0.1`)
      })
    )

    it.live("checks ports even if the container has a passing health check", () =>
      Effect.gen(function* () {
        const port = yield* closedPort
        const engine = yield* engineOnThisMachine
        engine.set("states", "running 0 healthy\n")
        const ended = yield* run(engine, { ports: ["--publish", `8081:${port}`], limit: 0 })
        expect(ended.stdout).toStartWith(`unhealthy accepts no connections on port ${port}`)
      })
    )

    it.live("waits until the port opens", () =>
      Effect.gen(function* () {
        const port = yield* closedPort
        const engine = yield* engineOnThisMachine
        // The script sleeps between two looks. The second look finds the port open.
        engine.program("sleep", `echo "$1" >>"${engine.dir}/state/naps"; exec /bin/sleep 0.01`)
        const { exited } = yield* Effect.acquireRelease(
          Effect.sync(() =>
            Bun.spawn([
              process.execPath,
              "-e",
              `const { existsSync, readFileSync } = require("node:fs")
               const naps = ${JSON.stringify(`${engine.dir}/state/naps`)}
               const timer = setInterval(() => {
                 if (!existsSync(naps) || readFileSync(naps, "utf8").split("\\n").length < 4) return
                 clearInterval(timer)
                 Bun.listen({ hostname: "0.0.0.0", port: ${port}, socket: { data: () => {} } })
               }, 5)`
            ])
          ),
          (child) => Effect.sync(() => child.kill("SIGKILL"))
        )
        void exited
        expect((yield* run(engine, { ports: ["--publish", `8081:${port}`] })).code).toBe(0)
        expect(engine.get("naps").split("\n").length).toBeGreaterThan(3)
      })
    )

    it.live("leaves UDP and SCTP ports alone", () =>
      Effect.gen(function* () {
        const port = yield* closedPort
        const engine = yield* engineOnThisMachine
        const ports = ["--publish", `53:${port}/udp`, "--publish", `54:${port}/sctp`]
        expect((yield* run(engine, { ports, limit: 0 })).code).toBe(0)
      })
    )

    it.live("accepts any port if the server hides the processes of other users", () =>
      Effect.gen(function* () {
        const port = yield* closedPort
        const engine = yield* engineOnThisMachine
        engine.set("pid", "999999999\n")
        expect((yield* run(engine, { ports: ["--publish", `80:${port}`], limit: 0 })).code).toBe(0)
      })
    )
  })
}
