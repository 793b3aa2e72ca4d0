import { describe, expect } from "bun:test"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import type { Output } from "../../../src/layers/processes/Command.ts"
import * as RegistryApi from "../../../src/layers/registryContainer/RegistryApi.ts"
import { RegistryContainer } from "../../../src/layers/registryContainer/RegistryContainer.ts"
import { Events } from "../../../src/core/Events.ts"
import { Scrubber } from "../../../src/core/Scrubber.ts"
import * as Answer from "../../../src/testing/Answer.ts"
import * as Recording from "../../../src/rehearsal/layers.ts"
import { it } from "../../support/effect.ts"

const wanted = { engine: "docker", port: 9270, image: "registry:3" } as const

/** The container service over a shell that answers the script in one way. */
const ensure = (output: Partial<Output>, answers: () => boolean = () => true) =>
  Effect.flatMap(RegistryContainer, (containers) => containers.ensure(wanted)).pipe(
    Effect.provide(
      RegistryContainer.layerWith({ ...RegistryApi.none, isReady: () => Effect.sync(answers) }).pipe(
        Layer.provide(Recording.layer([Answer.from(() => output)])),
        Layer.provide(Events.layer),
        Layer.provide(Scrubber.layer)
      )
    )
  )

describe("a registry in a container", () => {
  it.effect("is ready once it answers", () =>
    Effect.gen(function* () {
      let asked = 0
      const fiber = yield* Effect.forkChild(ensure({ stdout: "created\n" }, () => ++asked > 3))
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(fiber)).toBe("created")
      expect(asked).toBe(4)
    })
  )

  it.effect("that never answers is an error that says where to look", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.flip(ensure({ stdout: "started\n" }, () => false)))
      yield* TestClock.adjust("15 seconds")
      const error = yield* Fiber.join(fiber)
      expect(error).toMatchObject({ _tag: "RegistryContainerSilent", exitCode: 69 })
      expect("remedy" in error ? error.remedy : "").toContain("docker logs jiji-registry")
    })
  )

  const faults = [
    ["foreign\n", "", "RegistryContainerForeign"],
    ["other 5000\n", "", "RegistryContainerElsewhere"],
    ["nonsense\n", "", "EngineUnclear"],
    [
      "",
      "driver failed programming external connectivity: Bind for 127.0.0.1:9270 failed: port is already allocated",
      "RegistryPortTaken"
    ],
    ["", "Error: rootlessport listen tcp 127.0.0.1:9270: bind: address already in use", "RegistryPortTaken"],
    ["", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock", "EngineDown"]
  ] as const
  for (const [stdout, stderr, tag] of faults) {
    it.effect(`reports what went wrong: ${tag}, ${stdout.trim() || stderr.slice(0, 30)}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(ensure({ stdout, stderr, exitCode: stderr === "" ? 0 : 125 }))
        expect(error._tag).toBe(tag)
      })
    )
  }
})
