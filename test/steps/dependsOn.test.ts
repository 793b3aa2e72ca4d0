import { describe, expect } from "bun:test"
import { Effect, Exit } from "effect"
import type { Event } from "../../src/core/Event.ts"
import { select } from "../../src/config/select.ts"
import { label } from "../../src/layers/shell/Machine.ts"
import { configurationOf } from "../../src/steps/configuration.ts"
import * as Answer from "../../src/testing/Answer.ts"
import { it } from "../support/effect.ts"
import { errors } from "./deploys.ts"
import { failed, image, type Override, project, rehearse, server, service, succeeded } from "./rehearsal.ts"

const web = service("web", ["web1", "web2"], { dependsOn: ["api"] })
const api = service("api", ["web1", "web2"], { dependsOn: ["db"] })
const db = service("db", ["web1"], { source: image("postgres:17") })
const shop = project({ servers: [server("web1"), server("web2")], services: [web, api, db] })

/** The services in the order in which a server replaced them. */
const replaced = (lines: ReadonlyArray<string>) =>
  lines.flatMap((line) => (line.startsWith("replace ") ? [/service=(\S+)/.exec(line)?.[1]] : []))

const skipped = (events: ReadonlyArray<Event>) =>
  events.flatMap((event) =>
    event._tag === "StepSkipped" && event.kind === "item" ? [`${event.path}: ${event.reason}`] : []
  )

const failsFor =
  (name: string, script: string): Override =>
  (machine, command) =>
    label(machine) === "web1" && command.script === script && command.words.some((word) => word.includes(name))
      ? failed("it broke")
      : undefined

describe("services with depends_on", () => {
  it.effect("are replaced one after the other on each server", () =>
    Effect.gen(function* () {
      const { exit, on } = yield* rehearse(shop)
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(replaced(on("web1"))).toEqual(["db", "api", "web"])
      // db does not run there.
      expect(replaced(on("web2"))).toEqual(["api", "web"])
    })
  )

  it.effect("are pulled at once, and wait only before they are replaced", () =>
    Effect.gen(function* () {
      const { events } = yield* rehearse(shop, { answers: [Answer.when("jiji:replace.sh", Answer.slow("5 seconds"))] })
      const from = events.find(({ path }) => path === "deploy/servers[web1]/services")?.time ?? 0
      const starts = events.flatMap(({ _tag, path, time }) => {
        const [, service, step] = /servers\[web1\]\/services\[(\w+)\]\/(\w+)$/.exec(path) ?? []
        return _tag === "StepStarted" && service !== undefined ? [[service, step, (time - from) / 1000]] : []
      })
      expect(starts.toSorted()).toEqual([
        ["api", "deploy", 5],
        ["api", "pull", 0],
        ["db", "deploy", 0],
        ["db", "pull", 0],
        ["web", "deploy", 10],
        ["web", "pull", 0]
      ])
    })
  )

  it.effect("are not touched on a server where a dependency fails, and are replaced on the others", () =>
    Effect.gen(function* () {
      for (const script of ["replace", "pull"]) {
        const { events, exit, on } = yield* rehearse(shop, { override: failsFor("postgres", script) })
        expect(errors(exit)).toHaveLength(1)
        expect(replaced(on("web1"))).toEqual(script === "replace" ? ["db"] : [])
        expect(replaced(on("web2"))).toEqual(["api", "web"])
        expect(skipped(events)).toEqual([
          "deploy/servers[web1]/services[api]: not started because db failed",
          "deploy/servers[web1]/services[web]: not started because db failed"
        ])
      }
    })
  )

  it.effect("do not wait for a service that is not selected", () =>
    Effect.gen(function* () {
      const part = yield* select(shop, { services: ["web", "db"] })
      const { exit, on } = yield* rehearse(part)
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(new Set(replaced(on("web1")))).toEqual(new Set(["db", "web"]))
      expect(replaced(on("web2"))).toEqual(["web"])
    })
  )

  it.effect("follow a dependency that is kept", () =>
    Effect.gen(function* () {
      const pinned = service("db", ["web1"], { source: image(`postgres@sha256:${"d".repeat(64)}`) })
      const container = {
        Id: "c0ffee",
        Name: "/shop-db",
        Image: "sha256:i1",
        State: { Running: true },
        Config: {
          Labels: {
            "jiji.project": "shop",
            "jiji.service": "db",
            "jiji.digest": `sha256:${"d".repeat(64)}`,
            "jiji.config": configurationOf(pinned, new Map()).hash
          }
        }
      }
      const of = project({ services: [service("web", ["web1"], { dependsOn: ["db"] }), pinned] })
      const { exit, on } = yield* rehearse(of, {
        override: (_, { script }) =>
          script === "probe" ? succeeded(`docker 20.10 x86_64\n${JSON.stringify([container])}`) : undefined
      })
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(replaced(on("web1"))).toEqual(["web"])
    })
  )
})
