import { describe, expect } from "bun:test"
import { Effect, Fiber } from "effect"
import { untilEffect } from "../../../support/waiting.ts"
import { it } from "../../../support/effect.ts"
import * as FakeApi from "./FakeApi.ts"
import * as onServer from "./onServer.ts"

describe("a project's containers", () => {
  it.live("can be listed again while something else waits for docker's answer", () =>
    Effect.gen(function* () {
      let answer: (() => void) | undefined
      const handler: FakeApi.Handler = (asked) => {
        if (!asked.query.get("filters")?.includes("jiji.kept")) {
          return FakeApi.docker({ containers: ["web"] })(asked)
        }
        answer = () => asked.json([])
      }
      const on = yield* onServer.make({ handler })
      yield* onServer.probe(on)
      const place = { engine: "docker", project: "shop" } as const
      const kept = yield* Effect.forkChild(on.docker.keptVersions(on.server, place))
      yield* untilEffect(() => answer !== undefined)
      const found = yield* on.docker.containers(on.server, place)
      expect(found.map(({ service }) => service)).toEqual(["web"])
      answer?.()
      expect(yield* Fiber.join(kept)).toEqual([])
    })
  )

  it.live("are listed by docker's client if the API cannot be used", () =>
    Effect.gen(function* () {
      const on = yield* onServer.make({ env: { DOCKER_CONTEXT: "other" } })
      yield* onServer.probe(on)
      expect(yield* on.docker.containers(on.server, { engine: "docker", project: "shop" })).toEqual([])
    })
  )
})
