import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { it } from "../../../support/effect.ts"
import * as FakeApi from "./FakeApi.ts"
import * as onServer from "./onServer.ts"

/** What docker answers to `GET /networks/NAME`. */
const network = (project: string, config: ReadonlyArray<Readonly<Record<string, string>>>) => ({
  Name: "jiji-shop",
  Labels: { "jiji.project": project },
  IPAM: { Driver: "default", Config: config }
})
const whole = { Subnet: "172.18.0.0/16", Gateway: "172.18.0.1", IPRange: "172.18.128.0/17" }

/** Docker with this network. */
const handler =
  (answer: (asked: FakeApi.Asked) => void): FakeApi.Handler =>
  (asked) =>
    asked.path.endsWith("/networks/jiji-shop") ? answer(asked) : FakeApi.docker()(asked)

const ask = (answer: (asked: FakeApi.Asked) => void) =>
  Effect.gen(function* () {
    const on = yield* onServer.make({ handler: handler(answer) })
    yield* onServer.probe(on)
    const client = join(on.dir, "client")
    rmSync(client, { force: true })
    const found = yield* Effect.exit(on.docker.network(on.server, { engine: "docker", project: "shop" }))
    return { found, client: existsSync(client) ? readFileSync(client, "utf8") : "" }
  })

describe("a project's network, by docker's API", () => {
  it.live("is found without docker's client", () =>
    Effect.gen(function* () {
      const { client, found } = yield* ask((asked) => asked.json(network("shop", [whole])))
      expect(found).toMatchObject({ value: { name: "jiji-shop", subnet: "172.18.0.0/16" } })
      expect(client).toBe("")
    })
  )

  it.live("is left to the script if it does not exist, or is not as jiji creates it", () =>
    Effect.gen(function* () {
      const answers: ReadonlyArray<(asked: FakeApi.Asked) => void> = [
        (asked) => asked.json({ message: "network jiji-shop not found" }, 404),
        (asked) => asked.json(network("other", [whole])),
        (asked) => asked.json(network("shop", [{ Subnet: "172.18.0.0/16" }])),
        (asked) => asked.json(network("shop", [{ Subnet: "fd00::/64", IPRange: "fd00::/65" }]))
      ]
      for (const answer of answers) expect((yield* ask(answer)).client).toContain("network inspect")
    })
  )

  it.live("fails with what docker says otherwise", () =>
    Effect.gen(function* () {
      const { client, found } = yield* ask((asked) => asked.json({ message: "the store is broken" }, 500))
      expect(JSON.stringify(found)).toContain("the store is broken")
      expect(client).toBe("")
    })
  )
})
