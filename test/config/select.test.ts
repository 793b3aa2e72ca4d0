import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { select } from "../../src/config/select.ts"
import { it } from "../effect.ts"
import { loadText } from "./project.ts"

const project = loadText(`project: shop
servers: { web1: { host: a }, web2: { host: b }, db1: { host: c } }
services:
  web: { image: nginx, hosts: [web1, web2] }
  api: { image: nginx, hosts: [web2, db1] }
  db: { image: nginx, hosts: [db1] }
`)

const chosen = Effect.fnUntraced(function* (globs: Parameters<typeof select>[1]) {
  const part = yield* select(yield* project, globs)
  return {
    servers: part.servers.map(({ name }) => name),
    services: part.services.map(({ hosts, name }) => `${name}: ${hosts.join(" ")}`)
  }
})

describe("what -H and -S leave of a project", () => {
  it.live("no globs leave all of it", () =>
    Effect.gen(function* () {
      const all = { servers: ["web1", "web2", "db1"], services: ["web: web1 web2", "api: web2 db1", "db: db1"] }
      expect(yield* chosen({})).toEqual(all)
      expect(yield* chosen({ servers: [], services: [] })).toEqual(all)
    })
  )
  it.live("a server's glob drops the services that run elsewhere", () =>
    Effect.gen(function* () {
      expect(yield* chosen({ servers: ["web*"] })).toEqual({
        servers: ["web1", "web2"],
        services: ["web: web1 web2", "api: web2"]
      })
      expect(yield* chosen({ servers: ["{web1,db1}"] })).toEqual({
        servers: ["web1", "db1"],
        services: ["web: web1", "api: db1", "db: db1"]
      })
    })
  )
  it.live("a service's glob drops the servers it does not run on", () =>
    Effect.gen(function* () {
      expect(yield* chosen({ services: ["db", "w?b"] })).toEqual({
        servers: ["web1", "web2", "db1"],
        services: ["web: web1 web2", "db: db1"]
      })
    })
  )
  it.live("both together", () =>
    Effect.gen(function* () {
      expect(yield* chosen({ servers: ["web2"], services: ["api"] })).toEqual({
        servers: ["web2"],
        services: ["api: web2"]
      })
    })
  )
})

it.live("a glob that fits nothing is wrong usage, and tells the names there are", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(chosen({ servers: ["web*", "wbe1", "x"] }))
    expect(error.message).toBe('No server matches "wbe1" or "x"; deploy.yml has web1, web2 and db1.')
    expect([error.remedy, error.exitCode]).toEqual(["Did you mean `-H web1`?", 2])
    const service = yield* Effect.flip(chosen({ services: ["we"] }))
    expect(service.message).toBe('No service matches "we"; deploy.yml has web, api and db.')
  })
)

it.live("a selection that leaves nothing is an error, not a deploy of nothing", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(chosen({ servers: ["web1"], services: ["db"] }))
    expect(error.message).toBe("The service db does not run on web1, so there is nothing to do.")
    expect(error.exitCode).toBe(2)
  })
)
