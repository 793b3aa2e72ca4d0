import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { networkError, network } from "../../../src/layers/docker/network/network.ts"
import { argumentsOf } from "../../../src/layers/processes/Command.ts"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { shells } from "./replacing.ts"

const start = (shell: string, engine: FakeEngine.FakeEngine, project = "shop") =>
  engine.start(
    shell,
    network.text,
    argumentsOf(network.command({ engine: engine.engine, project, name: `jiji-${project}` }))
  )
const run = (shell: string, engine: FakeEngine.FakeEngine) =>
  Effect.scoped(Effect.flatMap(start(shell, engine), ({ ended }) => ended))
const put = (engine: FakeEngine.FakeEngine, line: string) => {
  engine.folder("state/networks")
  engine.set("networks/jiji-shop", `${line}\n`)
}
const errorOf = (engine: FakeEngine.FakeEngine, { code, stderr, stdout }: FakeEngine.Ended) =>
  networkError("web1", engine.engine, "jiji-shop", { stdout, stderr, exitCode: code }).message

for (const shell of shells) {
  describe(`a project's network, with ${shell}`, () => {
    for (const kind of ["docker", "podman"] as const) {
      it.live(`is created with ${kind} in the subnet that the engine chooses, with the upper half for the engine`, () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make(kind)
          expect(yield* run(shell, engine)).toEqual({ code: 0, stdout: "network 172.18.0.0/16\n", stderr: "" })
          expect(engine.calls()).toEqual([
            "network create --label jiji.project=shop jiji-shop",
            "network rm jiji-shop",
            "network create --label jiji.project=shop --subnet 172.18.0.0/16 --gateway 172.18.0.1 --ip-range 172.18.128.0/17 jiji-shop"
          ])
        })
      )
    }

    it.live("computes the halves of small subnets", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.set("subnet", "192.168.5.240/28\n")
        expect((yield* run(shell, engine)).stdout).toBe("network 192.168.5.240/28\n")
        expect(engine.calls().at(-1)).toContain(
          "--subnet 192.168.5.240/28 --gateway 192.168.5.241 --ip-range 192.168.5.248/29 "
        )
      })
    )

    it.live("is used as it is if it exists", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        put(engine, "shop|10.1.0.0/24 10.1.0.128/25,")
        expect(yield* run(shell, engine)).toEqual({ code: 0, stdout: "network 10.1.0.0/24\n", stderr: "" })
        expect(engine.calls()).toEqual([])
      })
    )

    it.live("is found by its IPv4 subnet", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        put(engine, "shop|fd00::/64 ,10.1.0.0/24 10.1.0.128/25,")
        expect((yield* run(shell, engine)).stdout).toBe("network 10.1.0.0/24\n")
      })
    )

    it.live("is created again if an interrupted deploy left it without a range of addresses", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        put(engine, "shop|10.1.0.0/24 ,")
        expect((yield* run(shell, engine)).stdout).toBe("network 10.1.0.0/24\n")
        expect(engine.calls()).toEqual([
          "network rm jiji-shop",
          "network create --label jiji.project=shop --subnet 10.1.0.0/24 --gateway 10.1.0.1 --ip-range 10.1.0.128/25 jiji-shop"
        ])
      })
    )

    it.live("is not touched if it does not belong to the project", () =>
      Effect.gen(function* () {
        for (const owner of ["", "other"]) {
          const engine = yield* FakeEngine.make()
          put(engine, `${owner}|10.1.0.0/24 10.1.0.128/25,`)
          const ended = yield* run(shell, engine)
          expect(ended).toEqual({ code: 11, stdout: "foreign\n", stderr: "" })
          expect(engine.calls()).toEqual([])
          expect(errorOf(engine, ended)).toBe("The network jiji-shop on web1 does not belong to this project.")
        }
      })
    )

    it.live("is created once by two deploys at the same time", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.block("created")
          const first = yield* start(shell, engine)
          yield* engine.blocked
          const second = yield* start(shell, engine)
          yield* engine.release
          const ended = yield* Effect.all([first.ended, second.ended])
          expect(ended.map(({ stdout }) => stdout)).toEqual(["network 172.18.0.0/16\n", "network 172.18.0.0/16\n"])
          expect(engine.calls().filter((line) => line.includes("--subnet"))).toHaveLength(1)
        })
      )
    )

    it.live("is removed again if its subnet is too small", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.set("subnet", "10.0.0.0/29\n")
        const ended = yield* run(shell, engine)
        expect(ended).toEqual({ code: 11, stdout: "small 10.0.0.0/29\n", stderr: "" })
        expect(engine.calls().at(-1)).toBe("network rm jiji-shop")
        expect(errorOf(engine, ended)).toContain("The subnet 10.0.0.0/29 that docker on web1 gives")
      })
    )

    it.live("is removed again if podman uses CNI, whose networks have no names", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make("podman")
        engine.set("cni", "")
        const ended = yield* run(shell, engine)
        expect(ended).toEqual({ code: 11, stdout: "nameless netavark\n", stderr: "" })
        expect(engine.calls().at(-1)).toBe("network rm jiji-shop")
        expect(errorOf(engine, ended)).toBe(
          "The containers on web1 cannot find each other by name: podman uses CNI there, not netavark."
        )
      })
    )

    it.live("cannot be created if the engine has no free subnet", () =>
      Effect.gen(function* () {
        const messages = [
          "Error response from daemon: could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
          "Error response from daemon: all predefined address pools have been fully subnetted",
          "Error: could not find free subnet from subnet pools"
        ]
        for (const message of messages) {
          const engine = yield* FakeEngine.make()
          engine.fail("network create", message)
          const ended = yield* run(shell, engine)
          expect(ended.code).not.toBe(0)
          expect(errorOf(engine, ended)).toBe("docker on web1 has no free subnet for the project's network.")
        }
      })
    )
  })
}
