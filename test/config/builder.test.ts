import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { secretUses } from "../../src/config/secretNames.ts"
import { it } from "../support/effect.ts"
import { loadText, smallest } from "./project.ts"

const ssh = "ssh: { user: deploy, port: 2200, keys: [/keys/id], passphrase: SSH_PASSPHRASE }\n"
const withBuilder = (remote: string, more = "") => loadText(`builder: { remote: "${remote}" }\n${more}${smallest}`)

describe("builder.remote", () => {
  it.live("is absent unless another machine builds", () =>
    Effect.gen(function* () {
      expect(yield* loadText(smallest)).not.toHaveProperty("builder")
    })
  )

  it.live("names one of the servers, also one that no service uses", () =>
    Effect.gen(function* () {
      const { builder, servers } = yield* withBuilder("web1", ssh)
      expect(builder).toEqual(servers[0])
      const ci = smallest.replace("servers:", "servers:\n  ci: { host: 203.0.113.99, user: ci }")
      const other = yield* loadText(`builder: { remote: ci }\n${ci}`)
      expect(other.builder).toMatchObject({ name: "ci", host: "203.0.113.99", user: "ci" })
      expect(other.servers.map(({ name }) => name)).toEqual(["web1"])
    })
  )

  it.live("is an address, with the other settings of ssh", () =>
    Effect.gen(function* () {
      const parts = Effect.fnUntraced(function* (remote: string, more = "") {
        const { host, name, port, user } = (yield* withBuilder(remote, more)).builder ?? {}
        return { name, host, port, user }
      })
      const name = "builder"
      const host = "build.example.com"
      const none = { port: undefined, user: undefined }
      expect(yield* parts(`ssh://${host}`)).toEqual({ name, host, ...none })
      expect(yield* parts(`ssh://${host}`, ssh)).toEqual({ name, host, port: 2200, user: "deploy" })
      expect(yield* parts(`ssh://ci@${host}:2222`, ssh)).toEqual({ name, host, port: 2222, user: "ci" })
      expect(yield* parts("ssh://ci@[2001:db8::1]:2222")).toEqual({ name, host: "2001:db8::1", port: 2222, user: "ci" })
      expect(yield* parts("ssh://[2001:db8::1]")).toEqual({ name, host: "2001:db8::1", ...none })
    })
  )

  it.live("can build with the SSH agent of this machine", () =>
    Effect.gen(function* () {
      const text = smallest.replace("image: nginx:1.27", "build: { ssh: default }")
      const { services } = yield* loadText(`builder: { remote: web1 }\n${text}`)
      expect(services[0]?.source).toMatchObject({ ssh: true })
    })
  )

  it.live("needs the passphrase of its key", () =>
    Effect.gen(function* () {
      const uses = secretUses(yield* withBuilder("ssh://build.example.com", ssh))
      expect(uses.map(({ by }) => by)).toEqual([["ssh to web1", "ssh to builder"]])
    })
  )
})
