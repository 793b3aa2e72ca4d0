import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../effect.ts"
import { image, type Instead, project, rehearse, service } from "./rehearsal.ts"

/** What a deploy's images are tagged. */
const version = (...args: Parameters<typeof rehearse>) =>
  Effect.map(rehearse(...args), ({ events }) =>
    events.flatMap((event) => (event._tag === "StepNoted" && event.path === "deploy/version" ? [event.text] : []))
  )

const noGit: Instead = (_, { script }) =>
  script === "version" ? { stdout: "", stderr: "fatal: not a git repository", exitCode: 3 } : undefined

describe("the version of a deploy", () => {
  it.effect("is the one that was asked for, and git is not", () =>
    Effect.gen(function* () {
      const { all } = yield* rehearse(project(), { requestedVersion: "v1" })
      expect(all[0]).toStartWith("local: docker build --file /srv/web/Dockerfile --tag localhost:9270/shop-web:v1 ")
      expect(yield* version(project(), { requestedVersion: "v1" })).toEqual(["v1"])
    })
  )

  it.effect("is git's", () =>
    Effect.gen(function* () {
      expect(yield* version(project())).toEqual(["abc1234"])
    })
  )

  it.effect("is a hash of what is built, where git knows nothing", () =>
    Effect.gen(function* () {
      const [found] = yield* version(project(), { instead: noGit })
      expect(found).toMatch(/^[0-9a-f]{12}$/)
    })
  )

  it.effect("is not looked for where nothing is built", () =>
    Effect.gen(function* () {
      const { all } = yield* rehearse(project({ services: [service("web", ["web1"], { source: image("nginx:1") })] }))
      expect(all[0]).toBe("web1: connect")
    })
  )
})
