import { expect } from "bun:test"
import { Effect, Fiber } from "effect"
import type { LogBatch } from "../../../../src/layers/docker/logs/LogLine.ts"
import { it } from "../../../support/effect.ts"
import { untilEffect } from "../../../support/waiting.ts"
import * as FakeApi from "./FakeApi.ts"
import * as OnServer from "./onServer.ts"

const at = (second: number) => `2026-11-29T14:00:${String(second).padStart(2, "0")}.000000000Z`

/** A message as docker frames it. Its bytes are all below 128, so that it can travel as a text. */
const frame = (second: number, text: string): string => {
  const body = `${at(second)} ${text}\n`
  return `\u0001\u0000\u0000\u0000\u0000\u0000\u0000${String.fromCharCode(body.length)}${body}`
}

interface Log {
  readonly service: string
  readonly running?: boolean
  /** The lines by their seconds. */
  readonly lines: Readonly<Record<number, string>>
}

/** Answers as docker does on a server with these logs. A log that is followed ends only if its container does not run. */
const withLogs = (logs: () => Readonly<Record<string, Log>>) => {
  const docker = FakeApi.docker()
  const asked: Array<string> = []
  const open = new Map<string, FakeApi.Asked>()
  const handler: FakeApi.Handler = (request) => {
    const path = request.path.replace(/^\/v\d+\.\d+/, "")
    if (path === "/containers/json") {
      return request.json(
        Object.entries(logs()).map(([Id, { running = true, service }]) => ({
          Id,
          Names: [`/shop-${service}`],
          Labels: { "jiji.project": "shop", "jiji.service": service },
          State: running ? "running" : "exited"
        }))
      )
    }
    const [, id = ""] = /^\/containers\/([^/]+)\/logs$/.exec(path) ?? []
    const log = logs()[id]
    if (id === "") return docker(request)
    const { query } = request
    asked.push(`${id} follow=${query.get("follow")} tail=${query.get("tail")} since=${query.get("since")}`)
    if (log === undefined) return request.json({ message: "No such container" }, 404)
    request.head()
    for (const [second, text] of Object.entries(log.lines)) request.chunk(frame(Number(second), text))
    if (query.get("follow") === "0") return request.end()
    open.set(id, request)
  }
  return { asked, handler, open }
}

const texts = (batches: ReadonlyArray<LogBatch>) =>
  batches.flatMap(({ lines }) => lines.map(({ container, text }) => `${container.service}: ${text}`))

const query = { project: "shop", services: ["web", "api"] }

it.live("merges the logs of a server's containers, without those of other services", () =>
  Effect.gen(function* () {
    const logs = {
      a: { service: "web", lines: { 1: "one", 4: "four" } },
      b: { service: "api", lines: { 2: "two", 3: "three" } },
      c: { service: "other", lines: { 1: "no" } }
    }
    const { asked, handler } = withLogs(() => logs)
    const on = yield* OnServer.make({ handler })
    yield* OnServer.probe(on)
    const batches: Array<LogBatch> = []
    yield* on.docker.logs(on.server, "docker", { ...query, tail: 5, since: at(0) }, (batch) =>
      Effect.sync(() => void batches.push(batch))
    )
    expect(texts(batches)).toEqual(["web: one", "api: two", "api: three", "web: four"])
    expect(batches.flatMap(({ containers }) => containers.map(({ id }) => id))).toEqual(["a", "b"])
    expect(asked.toSorted()).toEqual([
      "a follow=0 tail=5 since=1795960800.000000000",
      "b follow=0 tail=5 since=1795960800.000000000"
    ])
  })
)

it.live("follows from where it has read, a container that starts again, and new ones", () =>
  Effect.gen(function* () {
    let logs: Readonly<Record<string, Log>> = { a: { service: "web", lines: { 1: "old", 2: "new" } } }
    const { asked, handler, open } = withLogs(() => logs)
    const on = yield* OnServer.make({ handler })
    yield* OnServer.probe(on)
    const batches: Array<LogBatch> = []
    const following = yield* Effect.forkChild(
      on.docker.followLogs(on.server, "docker", { ...query, from: new Map([["a", at(1)]]) }, (batch) =>
        Effect.sync(() => void batches.push(batch))
      )
    )
    // Each container's log comes by itself, so only the lines of one are in order.
    const read = (...lines: ReadonlyArray<string>) =>
      untilEffect(
        () => texts(batches).toSorted(),
        (all) => all.join() === lines.toSorted().join()
      )
    yield* read("web: new")
    // It stops, and docker ends its log.
    logs = { a: { service: "web", running: false, lines: { 1: "old", 2: "new" } } }
    open.get("a")?.end()
    open.clear()
    logs = {
      a: { service: "web", lines: { 2: "new", 5: "again" } },
      b: { service: "api", lines: { 6: "first" } }
    }
    yield* read("web: new", "web: again", "api: first")
    open.get("b")?.chunk(frame(7, "second"))
    yield* read("web: new", "web: again", "api: first", "api: second")
    yield* Fiber.interrupt(following)
    expect(asked.toSorted()).toEqual([
      "a follow=1 tail=null since=1795960801.000000000",
      "a follow=1 tail=null since=1795960802.000000000",
      "b follow=1 tail=null since=null"
    ])
    yield* untilEffect(on.api.open, (streams) => streams <= 1)
  })
)

it.live("a container that is removed meanwhile is no failure, but an engine that goes away is one", () =>
  Effect.gen(function* () {
    let asks = 0
    const logs = { a: { service: "web", lines: { 1: "one" } } }
    const { handler } = withLogs(() => (asks++ === 0 ? logs : {}))
    const on = yield* OnServer.make({ handler })
    yield* OnServer.probe(on)
    asks = 0
    yield* on.docker.logs(on.server, "docker", query, () => Effect.void)

    const again = withLogs(() => logs)
    on.api.handle(again.handler)
    const following = yield* Effect.forkChild(
      Effect.flip(on.docker.followLogs(on.server, "docker", { ...query, from: new Map() }, () => Effect.void))
    )
    yield* untilEffect(
      () => again.open.size,
      (size) => size === 1
    )
    on.api.stopNow()
    expect((yield* Fiber.join(following))._tag).toBe("EngineRestarted")
  })
)

it.live("docker waits while nobody takes the lines", () =>
  Effect.gen(function* () {
    const { handler, open } = withLogs(() => ({ a: { service: "web", lines: {} } }))
    const on = yield* OnServer.make({ handler })
    yield* OnServer.probe(on)
    const following = yield* Effect.forkChild(
      on.docker.followLogs(on.server, "docker", { ...query, from: new Map() }, ({ lines }) =>
        lines.length === 0 ? Effect.void : Effect.never
      )
    )
    yield* untilEffect(
      () => open.size,
      (size) => size === 1
    )
    const many = frame(1, "x".repeat(80)).repeat(5000)
    let [sent, before, still] = [0, 0, 0]
    const more = () => {
      const request = open.get("a")
      sent++
      if (request?.chunk(many) === true) setImmediate(more)
      else request?.socket.once("drain", more)
    }
    more()
    // The streams on the way have buffers. When these are full, nothing moves any more.
    yield* untilEffect(
      () => {
        still = sent === before ? still + 1 : 0
        before = sent
        return still
      },
      (times) => times > 50
    )
    expect(sent * many.length).toBeLessThan(64 * 1024 * 1024)
    yield* Fiber.interrupt(following)
  })
)
