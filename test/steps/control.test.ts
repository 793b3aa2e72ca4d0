import { describe, expect } from "bun:test"
import { Cause, Effect, Exit } from "effect"
import { restart, start, stop } from "../../src/steps/ControlPipelines.ts"
import * as Answer from "../../src/testing/Answer.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { it } from "../support/effect.ts"
import { type Override, project, server, service, succeeded } from "./rehearsal.ts"

const shop = project({
  servers: [server("web1"), server("web2")],
  services: [
    service("web", ["web1", "web2"], { dependsOn: ["db"], ports: ["80:80"] }),
    service("db", ["web1", "web2"]),
    service("cache", ["web2"])
  ],
  rollout: { strategy: "rolling" }
})

const container = (name: string, of = name, running = true) => ({
  Id: "f".repeat(64),
  Name: `/shop-${name}`,
  Image: `sha256:${"1".repeat(64)}`,
  State: { Running: running },
  Config: { Labels: { "jiji.project": "shop", "jiji.service": of } }
})

const onServers =
  (containers: Readonly<Record<string, ReadonlyArray<object>>>): Override =>
  (machine, { script }) =>
    script === "probe" && machine._tag === "Remote"
      ? succeeded(`docker 26.1.3 x86_64\n${JSON.stringify(containers[machine.server.name] ?? [])}`)
      : undefined

const pipelines = { restart, start, stop }

const rehearse = Effect.fnUntraced(function* (
  name: keyof typeof pipelines,
  services: ReadonlyArray<string> | undefined,
  answer: Override = () => undefined,
  dryRun = false
) {
  const script = { answers: [Answer.from(answer)], dryRun }
  const { entries, exit } = yield* Rehearsal.run(pipelines[name], { project: shop, services }, script)
  const done = entries.flatMap(({ machine, ...entry }) =>
    entry._tag === "Command" && entry.command.script === "replace" && machine._tag === "Remote"
      ? (entry.command.byHand ?? []).map((words) => `${machine.server.name}: ${words.join(" ")}`)
      : []
  )
  const failure = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason)?.error : undefined
  return { done, failure }
})

const everywhere = onServers({
  web1: [container("web"), container("web-2", "web"), container("db"), container("web-next", "web")],
  web2: [container("db"), container("old")]
})

describe("restarting", () => {
  it.effect("goes server by server, after dependencies, replica by replica", () =>
    Effect.gen(function* () {
      const { done, failure } = yield* rehearse("restart", undefined, everywhere)
      expect(failure).toBeUndefined()
      expect(done.slice(0, 3)).toEqual([
        "web1: docker restart shop-db",
        "web1: docker restart shop-web",
        "web1: docker restart shop-web-2"
      ])
      expect(done.slice(3).toSorted()).toEqual(["web2: docker restart shop-db", "web2: docker restart shop-old"])
    })
  )

  it.effect("does not start the next service if a dependency does not become healthy", () =>
    Effect.gen(function* () {
      const { done, failure } = yield* rehearse("restart", ["web", "db"], (machine, command) =>
        command.script === "replace"
          ? { stdout: "unready stopped with exit code 1\n\nno space left\n", stderr: "", exitCode: 14 }
          : everywhere(machine, command)
      )
      expect(done).toEqual(["web1: docker restart shop-db"])
      expect(failure).toMatchObject({
        _tag: "ContainerNotReady",
        name: "shop-db",
        message:
          "The container shop-db on web1 was started, but it stopped with exit code 1. Last log lines:\nno space left"
      })
    })
  )
})

describe("stopping", () => {
  it.effect("stops services before those that they depend on", () =>
    Effect.gen(function* () {
      const { done } = yield* rehearse("stop", ["web", "db"], everywhere)
      expect(done.filter((line) => line.startsWith("web1"))).toEqual([
        "web1: docker stop shop-web",
        "web1: docker stop shop-web-2",
        "web1: docker stop shop-db"
      ])
    })
  )
})

describe("a name", () => {
  it.effect("that neither deploy.yml nor a server has is an error", () =>
    Effect.gen(function* () {
      const { done, failure } = yield* rehearse("start", ["web", "nope"], everywhere)
      expect(done).toEqual([])
      expect(failure).toMatchObject({ _tag: "UnknownService", names: ["nope"] })
    })
  )

  it.effect("without a container on any server is an error", () =>
    Effect.gen(function* () {
      const { done, failure } = yield* rehearse("start", ["web", "cache"], everywhere)
      expect(done).toEqual([])
      expect(failure).toMatchObject({
        _tag: "NotDeployed",
        message: "No server has a container of cache; jiji looked on web1 and web2."
      })
    })
  )

  it.effect("of a project that was never deployed is an error", () =>
    Effect.gen(function* () {
      const { failure } = yield* rehearse("stop", undefined)
      expect(failure).toMatchObject({ message: "No server has a container of shop; jiji looked on web1 and web2." })
    })
  )
})

describe("a dry run", () => {
  it.effect("shows what deploy.yml places on each server", () =>
    Effect.gen(function* () {
      const { done } = yield* rehearse("restart", ["web"], () => undefined, true)
      expect(done).toEqual(["web1: docker restart shop-web", "web2: docker restart shop-web"])
    })
  )
})
