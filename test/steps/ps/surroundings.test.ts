import { expect } from "bun:test"
import { Deferred, Duration, Effect, Exit } from "effect"
import { encodeSaid } from "../../../src/layers/lock/Holder.ts"
import type { ProjectSites } from "../../../src/layers/proxy/sites.ts"
import { psLines } from "../../../src/reporters/psTable.ts"
import { ps } from "../../../src/steps/PsPipeline.ts"
import * as Answer from "../../../src/testing/Answer.ts"
import * as Rehearsal from "../../../src/testing/Rehearsal.ts"
import { it } from "../../support/effect.ts"
import { project, server, service } from "../rehearsal.ts"

const proxy = {
  hosts: ["shop.test"],
  port: 80,
  path: "/",
  strip: false,
  tls: { _tag: "Off" },
  responseTimeout: Duration.seconds(30)
} as const

const shop = project({
  servers: [server("web1"), server("web2")],
  services: [service("web", ["web1", "web2"], { proxy }), service("worker", ["web1", "web2"])]
})

const sites = (maintenance: boolean): ProjectSites => ({
  version: 1,
  project: "shop",
  http: 80,
  https: 443,
  sites: [
    {
      service: "web",
      hosts: ["shop.test"],
      path: "/",
      strip: false,
      tls: "off",
      responseTimeout: 30_000,
      replicas: 1,
      ...(maintenance && { maintenance: { body: "Soon", html: false } })
    }
  ]
})

const payload = encodeSaid({ user: "ann", machine: "laptop", run: "r1", command: "lock", message: "moving" })
const locked = Answer.when({ on: "*", command: "jiji:mark.sh" }, Answer.says(`mark 1000 940 4600 m1 ${payload}\n`))
const served = (maintenance: boolean) =>
  Answer.when({ on: "*", command: "jiji:proxy-sites.sh" }, Answer.says(`${JSON.stringify(sites(maintenance))}\n`))

const statusesOf = Effect.fnUntraced(function* (...answers: ReadonlyArray<Answer.Answer>) {
  const { exit } = yield* Rehearsal.run(ps, { project: shop, whole: shop, stats: false }, { answers })
  return (yield* exit).statuses
})

const notes = (servers: Effect.Success<ReturnType<typeof statusesOf>>) => {
  const lines = psLines({ version: 1, project: "shop", servers }, 0, { columns: 300, colors: false })
  return lines.filter((line) => line.includes("lock") || line.includes("maintenance"))
}

it.effect("shows the lock and the maintenance, one line each for all servers", () =>
  Effect.gen(function* () {
    const statuses = yield* statusesOf(locked, served(true))
    for (const { locks, services } of statuses) {
      expect(locks).toMatchObject([
        { kind: "lock", user: "ann", machine: "laptop", command: "lock", message: "moving" }
      ])
      const [held] = locks ?? []
      expect(Date.parse(held?.until ?? "") - Date.parse(held?.since ?? "")).toBe(3_660_000)
      expect(services.map(({ maintenance, name }) => [name, maintenance])).toEqual([
        ["web", true],
        ["worker", undefined]
      ])
    }
    expect(notes(statuses)).toEqual([
      expect.stringMatching(
        /^ann on laptop has locked shop on web1 and web2 since .+ until .+: moving\. To end the lock: jiji unlock$/
      ),
      "web is in maintenance on web1 and web2: the proxy answers 503. To end it: jiji maintenance off"
    ])
  })
)

it.effect("shows a run that holds the lock, and says nothing where there is neither", () =>
  Effect.gen(function* () {
    const run = encodeSaid({ user: "bob", machine: "ci", run: "r2", command: "deploy" })
    const running = Answer.when({ on: "web2", command: "jiji:mark.sh" }, Answer.says(`run 1000 940 ${run}\n`))
    const statuses = yield* statusesOf(running, served(false))
    expect(statuses.map(({ locks }) => locks?.map(({ kind, until }) => [kind, until]))).toEqual([
      undefined,
      [["run", undefined]]
    ])
    expect(notes(statuses)).toEqual([
      expect.stringMatching(
        /^bob on ci is running deploy of shop on web2 since .+ \(run r2\); the lock ends with that run$/
      )
    ])
  })
)

it.effect("what is not jiji's in the proxy's file is no maintenance", () =>
  Effect.gen(function* () {
    const odd = Answer.when({ on: "*", command: "jiji:proxy-sites.sh" }, Answer.says("{\n"))
    expect(notes(yield* statusesOf(odd))).toEqual([])
  })
)

it.effect("asks for them while the server lists its containers, so that it takes no longer", () =>
  Effect.gen(function* () {
    const [lockAsked, sitesAsked] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    const answers = [
      Answer.when({ on: "*", command: "jiji:probe.sh" }, (asked) =>
        Effect.andThen(Effect.all([Deferred.await(lockAsked), Deferred.await(sitesAsked)]), Answer.usual(asked))
      ),
      Answer.when({ on: "*", command: "jiji:mark.sh" }, (asked) =>
        Effect.andThen(Deferred.succeed(lockAsked, undefined), Answer.usual(asked))
      ),
      Answer.when({ on: "*", command: "jiji:proxy-sites.sh" }, (asked) =>
        Effect.andThen(Deferred.succeed(sitesAsked, undefined), Answer.usual(asked))
      )
    ]
    const { exit } = yield* Rehearsal.run(ps, { project: shop, stats: false }, { answers })
    expect(Exit.isSuccess(exit)).toBe(true)
  })
)
