import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../support/effect.ts"
import { image, type Override, project, rehearse, service } from "./rehearsal.ts"

/** The version that a deploy's step reports. */
const version = (...args: Parameters<typeof rehearse>) =>
  Effect.map(rehearse(...args), ({ events }) =>
    events.flatMap((event) => (event._tag === "StepNoted" && event.path === "deploy/version" ? [event.text] : []))
  )

const noGit: Override = (_, { script }) =>
  script === "version" ? { stdout: "", stderr: "fatal: not a git repository", exitCode: 3 } : undefined

describe("the version of a deploy", () => {
  it.effect("is the requested one, and git does not run", () =>
    Effect.gen(function* () {
      const { all } = yield* rehearse(project(), { requestedVersion: "v1" })
      expect(all[0]).toStartWith("local: docker build --file /srv/web/Dockerfile --tag localhost:9270/shop-web:v1 ")
      expect(yield* version(project(), { requestedVersion: "v1" })).toEqual(["v1"])
    })
  )

  it.effect("comes from git", () =>
    Effect.gen(function* () {
      expect(yield* version(project())).toEqual(["abc1234"])
    })
  )

  it.effect("is a hash of the build context if there is no git repository", () =>
    Effect.gen(function* () {
      const [found] = yield* version(project(), { override: noGit })
      expect(found).toMatch(/^[0-9a-f]{12}$/)
    })
  )

  it.effect("is a hash of the build context if git fails, with git's message as a warning", () =>
    Effect.gen(function* () {
      const dubious: Override = (_, { script }) =>
        script === "version"
          ? {
              stdout: "",
              stderr:
                "fatal: detected dubious ownership in repository at '/srv'\nTo add an exception for this directory, call:\n\n\tgit config --global --add safe.directory /srv\n",
              exitCode: 4
            }
          : undefined
      const { events } = yield* rehearse(project(), { override: dubious })
      const notes = events.flatMap((event) =>
        event._tag === "StepNoted" && event.path === "deploy/version" ? [{ level: event.level, text: event.text }] : []
      )
      expect(notes).toEqual([
        {
          level: "warning",
          text: "The version is a hash of the files to build, because git cannot read the repository of /srv: fatal: detected dubious ownership in repository at '/srv' To add an exception for this directory, call: git config --global --add safe.directory /srv"
        },
        { level: "info", text: expect.stringMatching(/^[0-9a-f]{12}$/) }
      ])
    })
  )

  it.effect("is not needed if nothing is built", () =>
    Effect.gen(function* () {
      const { all } = yield* rehearse(project({ services: [service("web", ["web1"], { source: image("nginx:1") })] }))
      expect(all[0]).toBe("web1: connect")
    })
  )
})
