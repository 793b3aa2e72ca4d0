import { describe, expect } from "bun:test"
import { readdirSync, statSync, utimesSync, writeFileSync, existsSync, mkdirSync } from "node:fs"
import { hostname } from "node:os"
import { Effect, Exit, Fiber, Stream } from "effect"
import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"
import * as Fixtures from "./fixtures.ts"
import { naming, blobs, sample } from "./stored.ts"

const { archive, docker20, folder, registryIn } = Fixtures

describe("adding an image", () => {
  it.live("makes the store readable by its user only", () =>
    Effect.gen(function* () {
      const directory = `${yield* folder}/deep/registry`
      const registry = yield* registryIn(directory)
      const one = yield* sample
      yield* registry.add({ ...naming(one.id), archive: archive(docker20(one)) })
      for (const name of ["", ...readdirSync(directory, { recursive: true, encoding: "utf8" })]) {
        const info = statSync(`${directory}/${name}`)
        expect([name, info.mode & 0o777]).toEqual([name, info.isDirectory() ? 0o700 : 0o600])
      }
    })
  )

  it.live("fails with the error of the archive's stream, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const registry = yield* registryIn(directory)
      const one = yield* sample
      const bytes = yield* Fixtures.tar(docker20(one))
      const broken = Stream.concat(
        Fixtures.stream(bytes.subarray(0, 2_000_000)),
        Stream.fail("the engine is gone" as const)
      )
      expect(yield* Effect.flip(registry.add({ ...naming(one.id), archive: broken }))).toBe("the engine is gone")
      expect([...readdirSync(`${directory}/tmp`), ...blobs(directory)]).toEqual([])
    })
  )

  it.live("leaves nothing behind when it is interrupted", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const registry = yield* registryIn(directory)
      const one = yield* sample
      const bytes = yield* Fixtures.tar(docker20(one))
      const half = Stream.concat(Fixtures.stream(bytes.subarray(0, 2_000_000)), Stream.never)
      const fiber = yield* Effect.forkChild(registry.add({ ...naming(one.id), archive: half }))
      yield* untilEffect(() => existsSync(`${directory}/tmp`) && readdirSync(`${directory}/tmp`).length > 0)
      yield* Fiber.interrupt(fiber)
      expect([...readdirSync(`${directory}/tmp`), ...blobs(directory)]).toEqual([])
    })
  )

  it.live("removes leftovers of killed processes, but nothing that may be in use", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      mkdirSync(`${directory}/tmp`, { recursive: true })
      const ended = Bun.spawnSync(["true"]).pid
      const random = crypto.randomUUID()
      const mine = `${hostname()}.${process.pid}.${random}`
      const elsewhere = `another-machine.${ended}.${random}`
      const abandoned = `yet-another-machine.1.${random}`
      for (const name of [`${hostname()}.${ended}.${random}`, mine, elsewhere, abandoned]) {
        writeFileSync(`${directory}/tmp/${name}`, "half a layer")
      }
      utimesSync(`${directory}/tmp/${abandoned}`, 0, 0)
      const registry = yield* registryIn(directory)
      const one = yield* sample
      yield* registry.add({ ...naming(one.id), archive: archive(docker20(one)) })
      expect(readdirSync(`${directory}/tmp`).sort()).toEqual([mine, elsewhere].sort())
    })
  )

  it.live("names the folder it cannot write to", () =>
    Effect.gen(function* () {
      const directory = `${yield* folder}/file`
      writeFileSync(directory, "")
      const registry = yield* registryIn(directory)
      const one = yield* sample
      const error = yield* Effect.flip(registry.add({ ...naming(one.id), archive: archive(docker20(one)) }))
      expect(error._tag).toBe("StoreFailed")
      expect(error.message).toContain(directory)
    })
  )

  it.live("rejects names that lead out of the store", () =>
    Effect.gen(function* () {
      const registry = yield* registryIn(yield* folder)
      const one = yield* sample
      for (const names of [{ repository: "../x" }, { repository: "_tags" }, { tag: "../x" }, { tag: "" }]) {
        expect(Exit.isFailure(yield* Effect.exit(registry.find({ ...naming(one.id), ...names })))).toBe(true)
      }
    })
  )
})
