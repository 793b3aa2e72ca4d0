import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { select } from "../../src/config/select.ts"
import { it } from "../support/effect.ts"
import { loadText } from "./project.ts"

const project = loadText(`project: shop
servers: { web1: { host: a }, spare: { host: b } }
services: { web: { image: nginx, hosts: [web1] } }
`)
const selected = (globs: Parameters<typeof select>[1]) => Effect.flatMap(project, (all) => select(all, globs))

describe("a server that no service uses", () => {
  it.live("exists for -H, but there is nothing to do on it", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(selected({ servers: ["spare"] }))
      expect(error.message).toBe("The service web does not run on spare, so there is nothing to do.")
    })
  )
  it.live("is one of the names that a wrong name is compared to", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(selected({ servers: ["spar"] }))
      expect(error.message).toBe('No server matches "spar"; deploy.yml has web1 and spare.')
      expect(error.remedy).toBe("Did you mean `-H spare`?")
    })
  )
  it.live("is left out if others are selected too", () =>
    Effect.gen(function* () {
      const { servers } = yield* selected({ servers: ["*"] })
      expect(servers.map(({ name }) => name)).toEqual(["web1"])
    })
  )
})

it.live("a suggestion of several names can be typed as it stands", () =>
  Effect.gen(function* () {
    const two = loadText(`project: shop
servers: { web1: { host: a }, web2: { host: b } }
services: { api: { image: nginx, hosts: [web1, web2] }, cron: { image: nginx, hosts: [web1] } }
`)
    const fail = (globs: Parameters<typeof select>[1]) => Effect.flip(Effect.flatMap(two, (all) => select(all, globs)))
    expect((yield* fail({ servers: ["webb1", "webb2"] })).remedy).toBe("Did you mean `-H web1 -H web2`?")
    expect((yield* fail({ services: ["apii", "corn"] })).remedy).toBe("Did you mean `-S api -S cron`?")
  })
)
