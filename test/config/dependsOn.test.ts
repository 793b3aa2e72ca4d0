import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../support/effect.ts"
import { loadText, problemsOf } from "./project.ts"

/** `web < api db` depends on api and db. From line 6 on, each service has a line. */
const file = (...services: ReadonlyArray<string>) => `project: shop
servers:
  web1: { host: a }
  db1: { host: b }
services:
${services
  .map((text) => {
    const [place = "", after = ""] = text.split(" < ")
    const [name, host = "web1"] = place.split("@")
    return `  ${name}: { image: nginx, hosts: [${host}], depends_on: [${after.split(" ").join(", ")}] }\n`
  })
  .join("")}`

describe("depends_on", () => {
  it.live("is kept in the order of the file", () =>
    Effect.gen(function* () {
      const { services } = yield* loadText(file("web < db cache", "db", "cache < db"))
      expect(services.map(({ dependsOn }) => dependsOn)).toEqual([["db", "cache"], undefined, ["db"]])
    })
  )

  it.live("may name a service of only some of the same servers", () =>
    Effect.gen(function* () {
      const text = file("web < db", "db@db1").replace("[web1]", "[web1, db1]")
      expect((yield* loadText(text)).services[0]?.dependsOn).toEqual(["db"])
    })
  )

  it.live("cannot name an unknown service, the service itself, or one twice", () =>
    Effect.gen(function* () {
      expect(yield* problemsOf(file("web < bd web db db", "db"))).toEqual([
        "6 services.web.depends_on[0]: bd is not under services; did you mean `db`?",
        "6 services.web.depends_on[1]: a service cannot depend on itself",
        "6 services.web.depends_on[3]: repeats db"
      ])
    })
  )

  it.live("cannot name a service that shares no server", () =>
    Effect.gen(function* () {
      expect(yield* problemsOf(file("web < db", "db@db1"))).toEqual([
        "6 services.web.depends_on[0]: db runs on none of the servers of web, and jiji orders only services on the same server; remove it (in an environment's file, `depends_on: ~` removes the key)"
      ])
    })
  )

  it.live("cannot close a circle, which is reported once", () =>
    Effect.gen(function* () {
      expect(yield* problemsOf(file("front < web", "web < api other", "api < db", "db < web", "other"))).toEqual([
        "9 services.db.depends_on[0]: closes a circle: web → api → db → web"
      ])
      expect(yield* problemsOf(file("a < b", "b < a", "c < d", "d < c"))).toEqual([
        "7 services.b.depends_on[0]: closes a circle: a → b → a",
        "9 services.d.depends_on[0]: closes a circle: c → d → c"
      ])
    })
  )

  it.live("must be a list of names", () =>
    Effect.gen(function* () {
      const text = file("web < DB").replace("[DB]", "[DB, 1]")
      expect((yield* problemsOf(text)).map((line) => line.slice(0, 30))).toEqual([
        "6 services.web.depends_on[0]: ",
        "6 services.web.depends_on[1]: "
      ])
    })
  )
})
