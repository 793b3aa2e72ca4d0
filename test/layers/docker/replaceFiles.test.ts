import { describe, expect, test } from "bun:test"
import { Effect, Redacted } from "effect"
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { filesToMount } from "../../../src/layers/docker/files.ts"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { old, replacing, same, shells } from "./replacing.ts"

const given = [
  { target: "/etc/a.conf", mode: "0444", content: Redacted.make(new Uint8Array([0, 1, 255, 10, 10])) },
  { target: "/run/key", mode: "0400", content: Redacted.make("line 1\nline 2 ü\n") },
  { target: "/empty", mode: "0555", content: Redacted.make("") }
]

/** The options that give the container these files. */
const withFiles = () => {
  const { folder: files, modes, stdin = Redacted.make(""), words } = filesToMount(given)
  return { files, modes, stdin: Redacted.value(stdin), words: [...words, "shop-web:v2"] }
}

const homeOf = (engine: FakeEngine.FakeEngine) => join(engine.dir, ".jiji/files/shop-web")
const permissions = (path: string) => (statSync(path).mode & 0o777).toString(8)

test("no word of a command contains a file, or a hash of one", () => {
  const [one, other] = [filesToMount(given), filesToMount(given)]
  expect(one.folder).toMatch(/^[0-9a-f]{16}$/)
  expect(one.folder).not.toBe(other.folder)
  expect(one.words).toEqual([
    "--mount",
    `type=bind,source=${one.folder}/1,target=/etc/a.conf,readonly`,
    "--mount",
    `type=bind,source=${one.folder}/2,target=/run/key,readonly`,
    "--mount",
    `type=bind,source=${one.folder}/3,target=/empty,readonly`
  ])
  expect(filesToMount([])).toEqual({ folder: "", modes: "", words: [], stdin: undefined })
})

for (const shell of shells) {
  const { run, start } = replacing(shell)

  describe(`the files of a container with ${shell}`, () => {
    it.live("are in a folder that only the user can open, and are mounted from there", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        const options = withFiles()
        expect((yield* run(engine, options)).stdout).toStartWith("started")
        const folder = join(homeOf(engine), options.files)
        for (const each of [".jiji", ".jiji/files", ".jiji/files/shop-web", `.jiji/files/shop-web/${options.files}`]) {
          expect(permissions(join(engine.dir, each))).toBe("700")
        }
        expect(readdirSync(folder).sort()).toEqual(["1", "2", "3"])
        expect(["1", "2", "3"].map((name) => permissions(join(folder, name)))).toEqual(["444", "400", "555"])
        expect([...readFileSync(join(folder, "1"))]).toEqual([0, 1, 255, 10, 10])
        expect(readFileSync(join(folder, "2"), "utf8")).toBe("line 1\nline 2 ü\n")
        expect(readFileSync(join(folder, "3"), "utf8")).toBe("")
        expect(engine.get("create.words").split("\0")).toContain(
          `type=bind,source=${folder}/1,target=/etc/a.conf,readonly`
        )
      })
    )

    for (const how of ["beside", "trial", "stop"] as const)
      it.live(`${how}: those of the old container go when it is gone`, () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", old)
          mkdirSync(join(homeOf(engine), "before"), { recursive: true })
          writeFileSync(join(homeOf(engine), "before/1"), "x")
          engine.block("stop")
          const options = withFiles()
          const script = yield* start(engine, { how, ...options })
          yield* engine.blocked
          expect(readdirSync(homeOf(engine)).sort()).toEqual([options.files, "before"].sort())
          yield* engine.release
          expect((yield* script.ended).code).toBe(0)
          expect(readdirSync(homeOf(engine))).toEqual([options.files])
        })
      )

    it.live("go with the container that does not become healthy, and those of the old one stay", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        mkdirSync(join(homeOf(engine), "before"), { recursive: true })
        engine.set("states", "exited 0 \n")
        expect((yield* run(engine, withFiles())).code).toBe(10)
        expect(readdirSync(homeOf(engine))).toEqual(["before"])
      })
    )

    it.live("go when the service has none any more", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        mkdirSync(join(homeOf(engine), "before"), { recursive: true })
        expect((yield* run(engine)).code).toBe(0)
        expect(existsSync(homeOf(engine))).toBe(false)
      })
    )

    it.live("are not written for a container that stays", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", same)
        expect((yield* run(engine, withFiles())).stdout).toBe("unchanged old\n")
        expect(existsSync(homeOf(engine))).toBe(false)
      })
    )

    it.live("nothing is created if they cannot be written", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        writeFileSync(join(engine.dir, ".jiji"), "in the way")
        const ended = yield* run(engine, withFiles())
        expect(ended.code).toBe(1)
        expect(ended.stderr).toContain(".jiji")
        expect(engine.calls()).toEqual([])
        expect(engine.containers()).toEqual(["shop-web old running"])
      })
    )
  })
}
