import { describe, expect } from "bun:test"
import { Effect, Exit } from "effect"
import type { BuildSource } from "../../src/config/Project.ts"
import { it } from "../support/effect.ts"
import { project, rehearse, service } from "./rehearsal.ts"
import { errors } from "./deploys.ts"

const source: BuildSource = {
  _tag: "Build",
  context: "/srv/web",
  dockerfile: "/srv/web/Dockerfile",
  args: {},
  secrets: ["NPM_TOKEN"]
}
const shop = project({ services: [service("web", ["web1"], { source }), service("api", ["web1"], { source })] })

describe("a build with secrets", () => {
  it.effect("gets their values in the environment", () =>
    Effect.gen(function* () {
      const { entries, exit } = yield* rehearse(shop, { env: { NPM_TOKEN: "hunter2" } })
      expect(Exit.isSuccess(exit)).toBe(true)
      const commands = entries.flatMap((entry) => (entry._tag === "Command" ? [entry.command] : []))
      const builds = commands.filter(({ words }) => words[1] === "buildx")
      expect(builds).toHaveLength(2)
      for (const { env, words } of builds) {
        expect(Object.keys(env ?? {})).toEqual(["JIJI_SECRET_NPM_TOKEN"])
        expect(words.join(" ")).toContain("--secret id=NPM_TOKEN,env=JIJI_SECRET_NPM_TOKEN")
      }
      // Asked once, not for each image.
      expect(commands.filter(({ script }) => script === "builder")).toHaveLength(1)
    })
  )

  it.effect("fails before anything runs if one is missing, and says which build needs it", () =>
    Effect.gen(function* () {
      const { all, exit } = yield* rehearse(shop)
      expect(errors(exit)).toMatchObject([{ _tag: "SecretsMissing", exitCode: 78 }])
      expect(all).toEqual([])
    })
  )

  it.effect("fails before anything runs if one is too long for a variable", () =>
    Effect.gen(function* () {
      const { all, exit } = yield* rehearse(shop, { env: { NPM_TOKEN: "x".repeat(128 * 1024) } })
      expect(errors(exit)).toMatchObject([{ _tag: "SecretTooLong", name: "NPM_TOKEN" }])
      expect(all).toEqual([])
    })
  )
})
