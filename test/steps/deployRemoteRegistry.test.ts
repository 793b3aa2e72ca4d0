import { describe, expect } from "bun:test"
import { Effect, Exit, Redacted } from "effect"
import { it } from "../support/effect.ts"
import { image, project, rehearse, service } from "./rehearsal.ts"
import { fakeDigest, errors } from "./deploys.ts"

describe("a deploy with a remote registry", () => {
  const remote = project({
    registry: {
      type: "remote",
      server: "ghcr.io",
      username: { _tag: "Literal", value: Redacted.make("Me") },
      password: { _tag: "Name", name: "GITHUB_TOKEN" }
    },
    services: [
      service("web", ["web1"]),
      service("own", ["web1"], { source: image("ghcr.io/me/own:1") }),
      service("cache", ["web1"], { source: image("redis:7") })
    ]
  })

  it.effect("logs in, builds and pushes, and lets servers pull by digest with the same credentials", () =>
    Effect.gen(function* () {
      const { all, entries, exit, on } = yield* rehearse(remote, { env: { GITHUB_TOKEN: "hunter22" } })
      expect(Exit.isSuccess(exit)).toBe(true)
      const name = "ghcr.io/me/shop/web"
      expect(on("local")).toEqual([
        "version folder=/srv",
        "check engine=docker registry=ghcr.io user=Me",
        `docker build --file /srv/web/Dockerfile --tag ${name}:abc1234 --platform linux/amd64 /srv/web`,
        `docker image inspect ${name}:abc1234`,
        `push engine=docker image=${name}:abc1234 registry=ghcr.io user=Me`
      ])
      const pulls = on("web1").filter((line) => line.startsWith("pull"))
      expect(pulls.sort()).toEqual([
        "pull engine=docker from=ghcr.io/me/own:1 verify=yes progress=yes registry=ghcr.io user=Me",
        `pull engine=docker from=${name}@${fakeDigest(`${name}:abc1234`)} name=${name}:abc1234 verify=yes progress=yes registry=ghcr.io user=Me`,
        // Other registries must not receive the credentials.
        "pull engine=docker from=redis:7 verify=yes progress=yes"
      ])
      expect(all.filter((line) => /serve|forward|import/.test(line))).toEqual([])
      expect(JSON.stringify(entries)).not.toContain("hunter22")
      const passwords = entries.flatMap((entry) =>
        entry._tag === "Command" && entry.command.script !== "replace" ? Object.values(entry.command.env ?? {}) : []
      )
      const secret = passwords.flatMap((value) => (Redacted.isRedacted(value) ? [Redacted.value(value)] : []))
      // The login check, the push, and two pulls from this registry.
      expect(secret).toEqual(Array.from({ length: 4 }, () => "hunter22"))
    })
  )

  it.effect("changes nothing if a secret is missing", () =>
    Effect.gen(function* () {
      const { all, exit } = yield* rehearse(remote)
      expect(errors(exit)).toMatchObject([{ _tag: "SecretsMissing" }])
      expect(all).toEqual([])
    })
  )

  it.effect("pulls without credentials if none are configured", () =>
    Effect.gen(function* () {
      const registry = { type: "remote", server: "registry.example.com" } as const
      const { on } = yield* rehearse({ ...remote, registry })
      expect(on("local").some((line) => line.includes("check"))).toBe(false)
      expect(on("web1").filter((line) => line.endsWith("Me"))).toEqual([])
    })
  )
})
