import { expect } from "bun:test"
import { Effect, Redacted } from "effect"
import type { Project } from "../../src/config/Project.ts"
import type { Entry } from "../../src/rehearsal/Recording.ts"
import { doctor } from "../../src/steps/DoctorPipeline.ts"
import { local, remote } from "../../src/layers/shell/Machine.ts"
import { login, logout, type RegistryInput } from "../../src/steps/RegistryPipelines.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { it } from "../support/effect.ts"
import { image, project, rehearse, service } from "./rehearsal.ts"

const services = [service("web", ["web1"]), service("cache", ["web1"], { source: image("redis:7") })]
const registry = {
  type: "remote",
  server: "ghcr.io",
  username: { _tag: "Literal", value: Redacted.make("Me") },
  password: { _tag: "Name", name: "TOKEN" }
} as const
const secrets = { TOKEN: "hunter22" }

/** The commands of a recording that have no limit, and how many there are in all. */
const withoutLimit = (entries: ReadonlyArray<Entry>) => {
  const commands = entries.flatMap((entry) => (entry._tag === "Command" ? [entry.command] : []))
  const unlimited = commands.filter(({ limit }) => limit === undefined)
  return { count: commands.length, unlimited: unlimited.map(({ script, words }) => script ?? words.join(" ")) }
}

const registries: ReadonlyArray<readonly [string, Project["registry"]]> = [
  ["a local registry", { type: "local", port: 9270 }],
  ["a registry container", { type: "local", port: 9270, container: { image: "registry:3" } }],
  ["a remote registry", registry]
]

for (const [name, registry] of registries) {
  const shop = project({ services, registry })

  it.effect(`every engine command of a deploy with ${name} has a limit`, () =>
    Effect.gen(function* () {
      const { count, unlimited } = withoutLimit((yield* rehearse(shop, { env: secrets })).entries)
      expect(count).toBeGreaterThan(6)
      // git's, on this machine.
      expect(unlimited).toEqual(["version"])
    })
  )

  it.effect(`every command of doctor with ${name} has a limit`, () =>
    Effect.gen(function* () {
      const { entries } = yield* Rehearsal.run(doctor, { project: shop }, { secrets })
      const { count, unlimited } = withoutLimit(entries)
      expect(count).toBeGreaterThan(3)
      expect(unlimited).toEqual([])
    })
  )
}

for (const [name, pipeline] of [
  ["registry login", login],
  ["registry logout", logout]
] as const)
  it.effect(`every command of ${name} has a limit`, () =>
    Effect.gen(function* () {
      const shop = project({ services, registry })
      const input: RegistryInput = { project: shop, registry, machines: [local, ...shop.servers.map(remote)] }
      const { entries } = yield* Rehearsal.run(pipeline, input, { secrets })
      const { count, unlimited } = withoutLimit(entries)
      expect(count).toBeGreaterThan(2)
      expect(unlimited).toEqual([])
    })
  )
