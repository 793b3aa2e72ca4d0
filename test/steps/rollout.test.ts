import { describe, expect } from "bun:test"
import { Effect, Exit } from "effect"
import type { Event } from "../../src/core/Event.ts"
import type { Rollout } from "../../src/config/Project.ts"
import { label } from "../../src/layers/shell/Machine.ts"
import { deployRows } from "../../src/reporters/table.ts"
import * as Answer from "../../src/testing/Answer.ts"
import { it } from "../support/effect.ts"
import { failed, type Override, project, rehearse, server, service } from "./rehearsal.ts"

const names = ["web1", "web2", "web3", "web4"]
const shop = (rollout?: Rollout) =>
  project({
    servers: names.map((name) => server(name)),
    services: [service("web", names)],
    ...(rollout !== undefined && { rollout })
  })

/** When each server's container was replaced, in seconds, if a replacement takes a second. */
const times = (rollout?: Rollout) =>
  Effect.map(
    rehearse(shop(rollout), { answers: [Answer.when("jiji:replace.sh", Answer.slow("1 second"))] }),
    ({ events, exit }) => {
      expect(Exit.isSuccess(exit)).toBe(true)
      const from = events.find(({ path }) => path === "deploy/servers")?.time ?? 0
      return events.flatMap(({ _tag, path, time }) =>
        _tag === "StepStarted" && path.endsWith("/deploy") ? [(time - from) / 1000] : []
      )
    }
  )

const failing =
  (name: string): Override =>
  (machine, { script }) =>
    label(machine) === name && script === "replace" ? failed("it broke") : undefined

const rows = (events: ReadonlyArray<Event>) =>
  Object.fromEntries(deployRows(events).map(({ outcome, server }) => [server, outcome]))

describe("`deploy` in deploy.yml", () => {
  it.effect("decides how many servers go at the same time", () =>
    Effect.gen(function* () {
      expect(yield* times()).toEqual([0, 0, 0, 0])
      expect(yield* times({ strategy: "parallel" })).toEqual([0, 0, 0, 0])
      expect(yield* times({ strategy: "rolling" })).toEqual([0, 1, 2, 3])
      expect(yield* times({ strategy: "rolling", batch: 2 })).toEqual([0, 0, 1, 1])
      expect(yield* times({ strategy: "parallel", canary: 1 })).toEqual([0, 1, 1, 1])
      expect(yield* times({ strategy: "rolling", batch: 3, canary: 1 })).toEqual([0, 1, 1, 1])
    })
  )

  it.effect("connects to all servers before the first one is touched", () =>
    Effect.gen(function* () {
      const { all } = yield* rehearse(shop({ strategy: "rolling" }), { answers: [Answer.unreachable("web4")] })
      expect(all.filter((line) => /pull|replace/.test(line))).toEqual([])
    })
  )

  it.effect("stops a rolling deploy after a failure, and keeps what has happened", () =>
    Effect.gen(function* () {
      const { all, events } = yield* rehearse(shop({ strategy: "rolling" }), { override: failing("web2") })
      expect(rows(events)).toEqual({ web1: "started", web2: "failed", web3: "not started", web4: "not started" })
      expect(all.filter((line) => /^web[34]: (pull|replace)/.test(line))).toEqual([])
    })
  )

  it.effect("stops after a failed canary, but not after a later failure of a parallel deploy", () =>
    Effect.gen(function* () {
      const canary = shop({ strategy: "parallel", canary: 1 })
      const first = yield* rehearse(canary, { override: failing("web1") })
      expect(rows(first.events)).toEqual({
        web1: "failed",
        web2: "not started",
        web3: "not started",
        web4: "not started"
      })
      const later = yield* rehearse(canary, { override: failing("web2") })
      expect(rows(later.events)).toEqual({ web1: "started", web2: "failed", web3: "started", web4: "started" })
    })
  )
})
