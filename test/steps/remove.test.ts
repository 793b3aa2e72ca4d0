import { describe, expect } from "bun:test"
import { Cause, Effect, Exit } from "effect"
import type { Project } from "../../src/config/Project.ts"
import { remove } from "../../src/steps/RemovePipeline.ts"
import * as Answer from "../../src/testing/Answer.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { it } from "../support/effect.ts"
import { type Override, project, server, service, succeeded } from "./rehearsal.ts"

const shop = project({
  servers: [server("web1"), server("web2")],
  services: [
    service("web", ["web1", "web2"], { volumes: ["shop_files:/data", "/srv/shop:/srv"] }),
    service("db", ["web2"])
  ]
})

/** A server where only a container of another service runs. */
const container = (name: string) =>
  JSON.stringify([
    {
      Id: "f".repeat(64),
      Name: `/shop-${name}`,
      Image: `sha256:${"1".repeat(64)}`,
      State: { Running: true },
      Config: { Labels: { "jiji.project": "shop", "jiji.service": name } }
    }
  ])

const rehearse = Effect.fnUntraced(function* (
  services: ReadonlyArray<string> | undefined,
  withVolumes = false,
  answer: Override = () => undefined,
  of: Project = shop
) {
  const script = { answers: [Answer.from(answer)] }
  const { entries, events, exit } = yield* Rehearsal.run(remove, { project: of, services, withVolumes }, script)
  const done = entries.flatMap((entry) =>
    entry._tag === "Command" && entry.command.script === "remove" && entry.machine._tag === "Remote"
      ? (entry.command.byHand ?? []).map(
          (words) => `${entry.machine._tag === "Remote" ? entry.machine.server.name : ""}: ${words.join(" ")}`
        )
      : []
  )
  return { done: done.sort(), events, exit }
})

const failure = <A, E>(exit: Exit.Exit<A, E>): E | undefined => {
  if (!Exit.isFailure(exit)) return undefined
  const found = exit.cause.reasons.find(Cause.isFailReason)
  return found?.error
}

describe("jiji remove", () => {
  it.effect("removes a service from its servers, and keeps its volumes", () =>
    Effect.gen(function* () {
      const { done, events, exit } = yield* rehearse(["web"])
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(done).toEqual([
        "web1: docker network rm jiji-shop",
        "web1: docker rm shop-web",
        "web1: docker stop shop-web",
        "web2: docker rm shop-web",
        "web2: docker stop shop-web"
      ])
      const notes = events.flatMap((event) => (event._tag === "StepNoted" ? [event.text] : []))
      expect(notes).toContain("kept the data in shop_files")
      expect(notes).toContain("removed shop-web")
    })
  )

  it.effect("shows all replicas in a dry run, and the network with the last service of a server", () =>
    Effect.gen(function* () {
      const { done } = yield* rehearse(undefined, false, () => undefined, {
        ...shop,
        services: [service("web", ["web1"], { replicas: 3 }), service("db", ["web1"])]
      })
      expect(done).toEqual([
        "web1: docker network rm jiji-shop",
        "web1: docker rm shop-db",
        "web1: docker rm shop-web shop-web-2 shop-web-3",
        "web1: docker stop shop-db",
        "web1: docker stop shop-web shop-web-2 shop-web-3"
      ])
    })
  )

  it.effect("removes the project's own volumes if it is to", () =>
    Effect.gen(function* () {
      const { done } = yield* rehearse(undefined, true)
      expect(done.filter((line) => line.includes("volume"))).toEqual([
        "web1: docker volume rm shop_files",
        "web2: docker volume rm shop_files"
      ])
      expect(done).toContain("web2: docker rm shop-db")
      expect(done).not.toContain("web1: docker rm shop-db")
    })
  )

  it.effect("removes a service that only a server still has", () =>
    Effect.gen(function* () {
      const { done } = yield* rehearse(["old"], false, (machine, { script }) =>
        script === "probe" && machine._tag === "Remote" && machine.server.name === "web2"
          ? succeeded(`docker 26.1.3 x86_64\n${container("old")}`)
          : undefined
      )
      expect(done).toEqual(["web2: docker rm shop-old", "web2: docker stop shop-old"])
    })
  )

  it.effect("removes nothing if one name is unknown", () =>
    Effect.gen(function* () {
      const { done, exit } = yield* rehearse(["web", "wbe"])
      expect(done).toEqual([])
      expect(failure(exit)).toMatchObject({
        _tag: "UnknownService",
        message: "There is no service wbe; deploy.yml and the servers have web and db."
      })
    })
  )

  it.effect("names who holds the lock of a container", () =>
    Effect.gen(function* () {
      const { exit } = yield* rehearse(["db"], false, (_machine, { script }) =>
        script === "remove"
          ? {
              exitCode: 12,
              stdout: "busy shop-db: run 7 by ann on laptop, since 2026-01-01 10:00:00 UTC\n",
              stderr: ""
            }
          : undefined
      )
      expect(failure(exit)).toMatchObject({
        _tag: "ContainerBusy",
        name: "shop-db",
        holder: "run 7 by ann on laptop, since 2026-01-01 10:00:00 UTC"
      })
    })
  )
})
