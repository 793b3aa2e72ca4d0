import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { lstatSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { old, replacing, same, shells } from "./replacing.ts"

const strategies = ["beside", "trial", "stop"] as const

/** Where podman writes the configuration of a container before it starts it. */
const configOf = (engine: FakeEngine.FakeEngine, id: string) =>
  join(engine.dir, `storage/overlay-containers/${id}/userdata/config.json`)

const linkOf = (engine: FakeEngine.FakeEngine, id: string): string | undefined => {
  const file = configOf(engine, id)
  return lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true ? readlinkSync(file) : undefined
}

/** The containers that podman-restart.service can start after a reboot, which empties `run`. */
const afterReboot = (engine: FakeEngine.FakeEngine): ReadonlyArray<string> =>
  engine
    .containers()
    .map((line) => line.split(" ").slice(0, 2))
    .filter(([name = "", id = ""]) => {
      const link = linkOf(engine, id)
      return (
        engine.get(`containers/${name}/policy`) === "always\n" && link?.startsWith(join(engine.dir, "run/")) !== true
      )
    })
    .map(([name = ""]) => name)

const podman = (version: 4 | 5) =>
  Effect.map(FakeEngine.make("podman"), (engine) => {
    if (version === 5) engine.set("update-help", "--memory string\n--restart string\n")
    return engine
  })
const running = { ...old, policy: "always" }

for (const shell of shells) {
  const { run, start } = replacing(shell)

  describe(`a reboot during a replacement with podman and ${shell}`, () => {
    for (const version of [4, 5] as const)
      for (const how of strategies)
        for (const [operation, expected] of [
          ["start", "shop-web"],
          ["rm", "shop-web-next"]
        ] as const)
          it.live(`podman ${version}, ${how}: starts only ${expected} before ${operation}`, () =>
            Effect.gen(function* () {
              const engine = yield* podman(version)
              engine.add("shop-web", "old", running)
              engine.block(operation)
              const script = yield* start(engine, { how })
              yield* engine.blocked
              // The trial is also started and removed.
              if (how === "trial") {
                engine.block(operation)
                yield* engine.release
                yield* engine.blocked
              }
              // If no data is shared, both may start once the new container has proved itself.
              const both = version === 5 && how === "beside" && operation === "rm"
              expect(afterReboot(engine)).toEqual(both ? ["shop-web", "shop-web-next"] : [expected])
              yield* engine.release
              expect((yield* script.ended).code).toBe(0)
              expect(afterReboot(engine)).toEqual(["shop-web"])
              expect(readdirSync(join(engine.dir, "run"))).toEqual([])
            })
          )

    it.live("podman 5: never starts two containers on the same data", () =>
      Effect.gen(function* () {
        const engine = yield* podman(5)
        engine.add("shop-web", "old", running)
        expect((yield* run(engine, { how: "stop" })).code).toBe(0)
        expect(engine.calls().filter((call) => call.startsWith("update"))).toEqual([
          "update --restart no old",
          "update --restart always shop-web-next"
        ])
      })
    )

    for (const how of strategies)
      it.live(`podman 4, ${how}: leaves nothing if the new container is not healthy`, () =>
        Effect.gen(function* () {
          const engine = yield* podman(4)
          engine.add("shop-web", "old", running)
          engine.set("states", "exited 0 \n")
          engine.set("events", "1\n")
          expect((yield* run(engine, { how })).code).toBe(10)
          expect(afterReboot(engine)).toEqual(["shop-web"])
          expect(readdirSync(join(engine.dir, "run"))).toEqual([])
        })
      )

    it.live("podman 4: a container that an interrupted deploy left starts after a reboot", () =>
      Effect.gen(function* () {
        const engine = yield* podman(4)
        engine.add("shop-web", "old", { ...running, running: false })
        engine.add("shop-web-next", "next", { ...same, policy: "always" })
        mkdirSync(join(engine.dir, "run/jiji-left"))
        writeFileSync(join(engine.dir, "run/jiji-left/config.json"), "{}")
        symlinkSync(join(engine.dir, "run/jiji-left/config.json"), configOf(engine, "next"))
        expect(afterReboot(engine)).toEqual(["shop-web"])
        expect((yield* run(engine)).stdout).toBe("unchanged next\n")
        expect(afterReboot(engine)).toEqual(["shop-web"])
        expect(engine.containers()).toEqual(["shop-web next running"])
      })
    )

    it.live("podman 4: replaces a container that cannot start after a reboot", () =>
      Effect.gen(function* () {
        const engine = yield* podman(4)
        engine.add("shop-web", "old", { ...same, policy: "always" })
        symlinkSync(join(engine.dir, "run/jiji-gone/config.json"), configOf(engine, "old"))
        expect((yield* run(engine)).stdout).toBe("started shop-web-next-0\n")
        expect(afterReboot(engine)).toEqual(["shop-web"])
      })
    )

    for (const folder of ["run", "storage"])
      it.live(`podman 4: deploys where podman's ${folder} folder is not on this machine`, () =>
        Effect.gen(function* () {
          const engine = yield* podman(4)
          engine.add("shop-web", "old", running)
          engine.block("created")
          if (folder === "run") rmSync(join(engine.dir, folder), { recursive: true })
          const script = yield* start(engine)
          yield* engine.blocked
          rmSync(join(engine.dir, "storage"), { recursive: true })
          yield* engine.release
          expect((yield* script.ended).stdout).toBe("started shop-web-next-0\n")
          expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
          if (folder === "storage") expect(readdirSync(join(engine.dir, "run"))).toEqual([])
        })
      )

    it.live("the bridge of the network keeps its hardware address, which others know", () =>
      Effect.gen(function* () {
        const engine = yield* podman(4)
        engine.add("shop-web", "old", running)
        engine.program(
          "ip",
          `case "$*" in
  'route get 10.89.0.7') echo '10.89.0.7 dev podman1 src 10.89.0.1 uid 0' ;;
  '-o link show dev podman1 type bridge') echo '3: podman1: <UP> mtu 1500    link/ether 02:00:00:00:00:01 brd ff' ;;
  *) echo "$*" >>"\${0%/*}/state/links" ;;
esac`
        )
        expect((yield* run(engine, { ip: "10.89.0.7" })).code).toBe(0)
        // Before the new container joins, and again: the bridge may have been made for it.
        const set = "link set dev podman1 address 02:00:00:00:00:01\n"
        expect(engine.get("links")).toBe(`${set}${set}`)
      })
    )

    it.live("an address that another machine has changes no bridge", () =>
      Effect.gen(function* () {
        const engine = yield* podman(4)
        engine.program("ip", `echo '10.89.0.7 via 10.0.0.1 dev br0 src 10.0.0.2'; echo "$*" >>"\${0%/*}/state/links"`)
        expect((yield* run(engine, { ip: "10.89.0.7" })).code).toBe(0)
        expect(engine.get("links")).toBe("route get 10.89.0.7\nroute get 10.89.0.7\n")
      })
    )

    it.live("podman 5: changes a wrong restart policy in place", () =>
      Effect.gen(function* () {
        const engine = yield* podman(5)
        engine.add("shop-web", "old", { ...same, policy: "no" })
        expect((yield* run(engine)).stdout).toBe("unchanged old\n")
        expect(engine.calls()).toEqual(["update --restart always old"])
      })
    )
  })
}
