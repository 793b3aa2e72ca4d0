import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { select } from "../../src/config/select.ts"
import { it } from "../support/effect.ts"
import { loadText } from "./project.ts"

const project = loadText(`project: shop
servers: { web1: { host: a }, web2: { host: b }, db1: { host: c } }
services:
  web: { image: nginx, hosts: [web1, web2] }
  api: { image: nginx, hosts: [web2, db1] }
  db: { image: nginx, hosts: [db1] }
`)

const selected = Effect.fnUntraced(function* (globs: Parameters<typeof select>[1]) {
  const part = yield* select(yield* project, globs)
  return {
    servers: part.servers.map(({ name }) => name),
    services: part.services.map(({ hosts, name }) => `${name}: ${hosts.join(" ")}`)
  }
})

describe("select", () => {
  it.live("returns everything without globs", () =>
    Effect.gen(function* () {
      const all = { servers: ["web1", "web2", "db1"], services: ["web: web1 web2", "api: web2 db1", "db: db1"] }
      expect(yield* selected({})).toEqual(all)
      expect(yield* selected({ servers: [], services: [] })).toEqual(all)
    })
  )
  it.live("drops services that do not run on the selected servers", () =>
    Effect.gen(function* () {
      expect(yield* selected({ servers: ["web*"] })).toEqual({
        servers: ["web1", "web2"],
        services: ["web: web1 web2", "api: web2"]
      })
      expect(yield* selected({ servers: ["{web1,db1}"] })).toEqual({
        servers: ["web1", "db1"],
        services: ["web: web1", "api: db1", "db: db1"]
      })
    })
  )
  it.live("drops servers that run none of the selected services", () =>
    Effect.gen(function* () {
      expect(yield* selected({ services: ["db", "w?b"] })).toEqual({
        servers: ["web1", "web2", "db1"],
        services: ["web: web1 web2", "db: db1"]
      })
    })
  )
  it.live("combines server and service globs", () =>
    Effect.gen(function* () {
      expect(yield* selected({ servers: ["web2"], services: ["api"] })).toEqual({
        servers: ["web2"],
        services: ["api: web2"]
      })
    })
  )
})

it.live("select fails with a usage error that lists the names if a glob matches nothing", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(selected({ servers: ["web*", "wbe1", "x"] }))
    expect(error.message).toBe('No server matches "wbe1" or "x"; deploy.yml has web1, web2 and db1.')
    expect([error.remedy, error.exitCode]).toEqual(["Did you mean `-H web1`?", 2])
    const service = yield* Effect.flip(selected({ services: ["we"] }))
    expect(service.message).toBe('No service matches "we"; deploy.yml has web, api and db.')
  })
)

it.live("select fails if no selected service runs on a selected server", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(selected({ servers: ["web1"], services: ["db"] }))
    expect(error.message).toBe("The service db does not run on web1, so there is nothing to do.")
    expect(error.exitCode).toBe(2)
  })
)
