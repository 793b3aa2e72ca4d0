import { describe, expect, test } from "bun:test"
import { Effect, Fiber, Redacted } from "effect"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Amount } from "../../../../src/core/Progress.ts"
import type { PullOptions } from "../../../../src/layers/docker/Docker.ts"
import { parseEngineError } from "../../../../src/layers/docker/DockerError.ts"
import { messageReader } from "../../../../src/layers/docker/transfer.ts"
import { LimitScale } from "../../../../src/layers/processes/limit.ts"
import { ConnectionLost } from "../../../../src/layers/ssh/SshError.ts"
import { it } from "../../../support/effect.ts"
import { untilEffect } from "../../../support/waiting.ts"
import * as FakeApi from "./FakeApi.ts"
import * as OnServer from "./onServer.ts"

const options: PullOptions = {
  engine: "docker",
  reference: { registry: "ghcr.io", path: "me/web", tag: "v1" },
  verify: true,
  drop: false
}
const name = "ghcr.io/me/web:v1"

type OnServer = Effect.Success<ReturnType<typeof OnServer.make>>

/** A server whose API jiji has found, and pulls from it as a test says. */
const found = Effect.fnUntraced(function* (pull: FakeApi.Handler, more: OnServer.OnServerOptions = {}) {
  const on = yield* OnServer.make({ handler: FakeApi.docker({ pull }), ...more })
  on.restarted(1)
  expect((yield* OnServer.probe(on)).apiUnusable).toBeUndefined()
  return on
})

const pullOn = ({ docker, server }: OnServer, more: Partial<PullOptions> = {}) =>
  docker.pull(server, { ...options, ...more })

/** Answers with messages about a pull. */
const messages =
  (...all: ReadonlyArray<unknown>): FakeApi.Handler =>
  ({ chunk, end, head }) => {
    head()
    for (const each of all) chunk(`${typeof each === "string" ? each : JSON.stringify(each)}\r\n`)
    end()
  }

const linesOf = ({ events }: OnServer) => events.flatMap((event) => (event._tag === "StepOutput" ? [event.line] : []))
const notesOf = ({ events }: OnServer) => events.flatMap((event) => (event._tag === "StepNoted" ? [event.text] : []))

describe("a pull", () => {
  it.live("shows what docker says, tags the image and removes the name it was pulled by", () =>
    Effect.gen(function* () {
      const layer = "6cce2fd30a69"
      const on = yield* found(
        messages(
          { status: "Pulling from me/web", id: "v1" },
          { status: "Pulling fs layer", progressDetail: {}, id: layer },
          { status: "Downloading", progressDetail: { current: 5, total: 10 }, progress: "[==>  ]", id: layer },
          { status: "Download complete", progressDetail: {}, id: layer },
          { status: "Extracting", progressDetail: null, id: layer },
          { status: "Pull complete", id: layer, later: ["a field that docker may add"] },
          { aux: { ID: "sha256:1" } },
          "",
          { status: `Digest: ${FakeApi.digest}` }
        )
      )
      const reference = { registry: "localhost:9271", path: "shop-web", digest: FakeApi.digest }
      const image = yield* pullOn(on, { reference, name: options.reference, drop: true })
      expect(image).toMatchObject({ architecture: "amd64", digest: FakeApi.digest, size: 5 })
      yield* untilEffect(() => linesOf(on).length >= 6)
      expect(linesOf(on)).toEqual([
        "v1: Pulling from me/web",
        `${layer}: Pulling fs layer`,
        `${layer}: Download complete`,
        `${layer}: Extracting`,
        `${layer}: Pull complete`,
        `Digest: ${FakeApi.digest}`
      ])
      const pulled = `localhost:9271/shop-web@${FakeApi.digest}`
      expect(on.api.requests().slice(2)).toEqual([
        "POST /v1.41/images/create",
        `GET /v1.41/images/${pulled}/json`,
        `POST /v1.41/images/${pulled}/tag`,
        `DELETE /v1.41/images/${pulled}`
      ])
    })
  )

  for (const [server, address] of [
    ["ghcr.io", "ghcr.io"],
    ["registry-1.docker.io", "https://index.docker.io/v1/"]
  ] as const)
    it.live(`logs in to ${server} with credentials that docker can read, whatever their length`, () =>
      Effect.gen(function* () {
        const seen: Array<FakeApi.Asked> = []
        const on = yield* found((asked) => {
          seen.push(asked)
          messages({ status: "ok" })(asked)
        })
        for (const password of ["p", "pä", "pä?", "pä?>", "\u00ff\u00fe??>>"]) {
          yield* pullOn(on, { credentials: { server, username: "me", password: Redacted.make(password) } })
          const header = seen.at(-1)?.headers["x-registry-auth"] ?? ""
          // Go's base64.URLEncoding, which docker reads it with, insists on the padding.
          expect(header).toMatch(/^[0-9A-Za-z_-]+={0,2}$/)
          expect(header.length % 4).toBe(0)
          const login: unknown = JSON.parse(Buffer.from(header, "base64url").toString())
          expect(login).toEqual({ username: "me", password, serveraddress: address })
          expect([...(seen.at(-1)?.query ?? [])]).toEqual([
            ["fromImage", "ghcr.io/me/web"],
            ["tag", "v1"]
          ])
        }
      })
    )

  it.live("uses docker's client for a login that only the client knows", () =>
    Effect.gen(function* () {
      const on = yield* OnServer.make()
      mkdirSync(join(on.dir, ".docker"))
      writeFileSync(join(on.dir, ".docker/config.json"), '{"auths": {"ghcr.io": {}}}')
      yield* OnServer.probe(on)
      const pulls = () => on.api.requests().filter((line) => line.startsWith("POST"))
      // The fake client prints no image.
      expect((yield* Effect.flip(pullOn(on)))._tag).toBe("EngineUnclear")
      expect(readFileSync(join(on.dir, "client"), "utf8")).toContain(`pull ${name}`)
      expect(pulls()).toEqual([])
      yield* pullOn(on, { credentials: { server: "ghcr.io", username: "me", password: Redacted.make("secret") } })
      yield* pullOn(on, { reference: { registry: "localhost:9270", path: "shop-web", tag: "v1" } })
      expect(pulls()).toEqual(["POST /v1.41/images/create", "POST /v1.41/images/create"])
    })
  )

  it.live("does not keep questions waiting, however many run", () =>
    Effect.gen(function* () {
      const waiting: Array<FakeApi.Asked> = []
      const on = yield* found((asked) => void waiting.push(asked))
      const pulls = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 12 }), () => pullOn(on), { concurrency: "unbounded" })
      )
      yield* untilEffect(() => waiting.length === 12)
      waiting.splice(0, 1).forEach(messages({ status: "ok" }))
      yield* untilEffect(on.api.requests, (all) => all.includes(`GET /v1.41/images/${name}/json`))
      waiting.forEach(messages({ status: "ok" }))
      expect(yield* Fiber.join(pulls)).toHaveLength(12)
    })
  )
})

/** What docker says of a pull that fails: the answer's status (200 in a message), its text, and what the client prints. */
const refusals: ReadonlyArray<readonly [status: number, text: string, tag: string]> = [
  [500, 'Head "https://ghcr.io/v2/me/web/manifests/v1": unauthorized', "RegistryRefused"],
  [500, 'Get "https://ghcr.io/v2/": denied: denied', "RegistryRefused"],
  [
    404,
    "pull access denied for me/web, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
    "ImageNotFound"
  ],
  [404, "manifest for ghcr.io/me/web:v1 not found: manifest unknown: manifest unknown", "ImageNotFound"],
  [500, 'Get "https://ghcr.io/v2/": dial tcp: lookup ghcr.io on 127.0.0.53:53: no such host', "RegistryNotResolved"],
  [500, 'Get "https://ghcr.io/v2/": x509: certificate signed by unknown authority', "RegistryUntrusted"],
  [500, 'Get "https://ghcr.io/v2/": http: server gave HTTP response to HTTPS client', "RegistryWithoutTls"],
  [500, 'Get "http://localhost:9270/v2/": dial tcp 127.0.0.1:9270: connect: connection refused', "RegistryUnreachable"],
  [200, "write /var/lib/docker/tmp/GetImageBlob2837: no space left on device", "DiskFull"],
  [200, "filesystem layer verification failed for digest sha256:d1", "DigestMismatch"],
  [200, "error pulling image configuration: download failed after attempts=6: 403 Forbidden", "RegistryForbidden"],
  [200, "no matching manifest for linux/amd64 in the manifest list entries", "EngineFailed"],
  [400, "invalid reference format", "EngineFailed"]
]

it.live("a pull that fails is reported in the same words as one by docker's client", () =>
  Effect.gen(function* () {
    let answer: FakeApi.Handler = () => {}
    const on = yield* found((asked) => answer(asked))
    for (const [status, text, tag] of refusals) {
      answer =
        status === 200
          ? messages({ status: "Pulling from me/web", id: "v1" }, { error: text, errorDetail: { message: text } })
          : ({ json }) => json({ message: text }, status)
      const error = yield* Effect.flip(pullOn(on))
      const stderr = status === 200 ? `v1: Pulling from me/web\n${text}\n` : `Error response from daemon: ${text}\n`
      const context = { machine: "web1", engine: "docker", operation: `pull ${name}`, reference: name, isOwn: true }
      const { message, remedy } = parseEngineError(context, { stdout: "", stderr, exitCode: 1 })
      expect({ [text]: error }).toMatchObject({ [text]: { _tag: tag } })
      expect({ message: error.message, remedy: error.remedy }).toEqual({ message, remedy })
    }
  })
)

describe("a pull does not pass for one that worked if docker", () => {
  for (const [what, answer, message] of [
    ["names no reason", messages({ errorDetail: {} }), "it gave no reason"],
    ["gives a reason that is no text", messages({ error: { code: 1 } }), "it gave no reason"],
    ["says something else after the reason", messages({ error: "one" }, { error: "two" }, { status: "ok" }), "one"],
    ["sends something else than messages", messages("Pull complete"), "does not understand"],
    ["sends half a message", messages('{"status":"Pul'), "does not understand"],
    ["sends a longer message than any", messages(`{"error":"${"x".repeat(100_000)}"}`), "does not understand"],
    ["sends a page instead", ({ send }: FakeApi.Asked) => send(302, "elsewhere"), "elsewhere"]
  ] as const)
    it.live(what, () =>
      Effect.gen(function* () {
        const on = yield* found(answer)
        expect((yield* Effect.flip(pullOn(on))).message).toContain(message)
        // Before it asks for the image, which could be an older one.
        expect(on.api.requests().filter((line) => line.includes("/images/"))).toEqual(["POST /v1.41/images/create"])
      })
    )

  it.live("does not know the image afterwards", () =>
    Effect.gen(function* () {
      const usual = FakeApi.docker()
      const on = yield* OnServer.make({
        handler: (asked) =>
          asked.path.endsWith("v1/json") ? asked.json({ message: `No such image: ${name}` }, 404) : usual(asked)
      })
      yield* OnServer.probe(on)
      expect((yield* Effect.flip(pullOn(on))).message).toContain(`No such image: ${name}`)
    })
  )
})

it.live("messages without end are read and shown up to a limit", () =>
  Effect.gen(function* () {
    const on = yield* found(({ chunk, end, head, socket }) => {
      head()
      let sent = 0
      const more = () => {
        while (sent < 2000) {
          sent++
          const lines = Array.from({ length: 50 }, (_, index) => JSON.stringify({ status: `line ${sent} ${index}` }))
          if (!chunk(`${lines.join("\r\n")}\r\n`)) return void socket.once("drain", more)
        }
        end()
      }
      more()
    })
    yield* pullOn(on)
    yield* untilEffect(
      () => linesOf(on),
      (all) => all.at(-1)?.startsWith("…") === true
    )
    expect(linesOf(on).length).toBe(10_001)
  })
)

describe("an engine that restarts during a pull", () => {
  const restarted = (detail: string) => `docker stopped or restarted on web1 when it had to pull ${name}: ${detail}`
  const retry = "the container engine stopped or restarted; retrying in 1 s (1 of 3)"

  it.live("ends it with a message, and jiji pulls again", () =>
    Effect.gen(function* () {
      let pulls = 0
      const on: OnServer = yield* found((asked) => {
        if (++pulls > 1) return messages({ status: "ok" })(asked)
        on.restarted(2)
        messages({ error: "unexpected EOF", errorDetail: { message: "unexpected EOF" } })(asked)
      })
      yield* pullOn(on)
      yield* untilEffect(() => notesOf(on).includes(retry))
      expect(pulls).toBe(2)
    })
  )

  it.live("breaks the connection, and jiji pulls again as soon as it is back", () =>
    Effect.gen(function* () {
      let pulls = 0
      const on: OnServer = yield* found((asked) => {
        if (++pulls > 1) return messages({ status: "ok" })(asked)
        asked.head()
        on.api.stopNow()
      })
      const pulling = yield* Effect.forkChild(pullOn(on))
      // It is still down when jiji tries for the first time.
      yield* untilEffect(() => notesOf(on).includes(retry.replace("in 1 s (1", "in 2 s (2")))
      yield* on.api.start
      yield* Fiber.join(pulling)
      expect(pulls).toBe(2)
    })
  )

  it.live("is named, not the registry, if jiji does not pull again", () =>
    Effect.gen(function* () {
      // Nothing is tried again through a tunnel.
      const reference = { registry: "localhost:9270", path: "shop-web", tag: "v1" }
      const said = (detail: string) => restarted(detail).replace(name, "localhost:9270/shop-web:v1")
      const on: OnServer = yield* found((asked) => {
        on.restarted(2)
        messages({ error: "unexpected EOF" })(asked)
      })
      expect((yield* Effect.flip(pullOn(on, { reference }))).message).toBe(said("unexpected EOF"))
      on.api.handle(({ head, socket }) => {
        head()
        socket.end()
      })
      expect((yield* Effect.flip(pullOn(on, { reference }))).message).toBe(said("it closed the connection"))
      yield* on.api.stop
      const nothing = `nothing accepts connections on ${on.api.path}`
      expect((yield* Effect.flip(pullOn(on, { reference }))).message).toBe(said(nothing))
    })
  )

  it.live("is named if it does not answer any more, or is gone with its socket", () =>
    Effect.gen(function* () {
      const reference = { registry: "localhost:9270", path: "shop-web", tag: "v1" }
      const on: OnServer = yield* found((asked) => {
        on.api.handle(({ socket }) => socket.end())
        messages({ error: "unexpected EOF" })(asked)
      })
      expect((yield* Effect.flip(pullOn(on, { reference })))._tag).toBe("EngineRestarted")
    })
  )

  it.live("is not blamed for a registry that is lost", () =>
    Effect.gen(function* () {
      const reference = { registry: "localhost:9270", path: "shop-web", tag: "v1" }
      const on = yield* found(messages({ error: "unexpected EOF" }))
      expect((yield* Effect.flip(pullOn(on, { reference })))._tag).toBe("RegistryLost")
    })
  )
})

describe("a pull in the middle", () => {
  const hang: FakeApi.Handler = ({ chunk, head }) => {
    head()
    chunk(`${JSON.stringify({ status: "Pulling from me/web" })}\r\n`)
  }

  it.live("that is interrupted closes its stream, by which docker stops it", () =>
    Effect.gen(function* () {
      const on = yield* found(hang)
      const idle = on.api.open()
      const pulling = yield* Effect.forkChild(pullOn(on))
      yield* untilEffect(() => linesOf(on).length === 1)
      expect(on.api.open()).toBe(idle + 1)
      yield* Fiber.interrupt(pulling)
      yield* untilEffect(on.api.open, (open) => open === idle)
    })
  )

  it.live("that is interrupted before an answer closes its stream, too", () =>
    Effect.gen(function* () {
      const on = yield* found(() => {})
      const idle = on.api.open()
      const pulling = yield* Effect.forkChild(pullOn(on))
      yield* untilEffect(on.api.open, (open) => open === idle + 1)
      yield* Fiber.interrupt(pulling)
      yield* untilEffect(on.api.open, (open) => open === idle)
    })
  )

  it.live("ends with the tunnel that it needs", () =>
    Effect.gen(function* () {
      const on = yield* found(hang)
      const idle = on.api.open()
      const reference = { registry: "localhost:9270", path: "shop-web", tag: "v1" }
      const lost = Effect.andThen(
        untilEffect(() => linesOf(on).length === 1),
        Effect.fail(new ConnectionLost({ server: "web1" }))
      )
      const error = yield* Effect.flip(pullOn(on, { reference, tunnel: { carried: Effect.succeed(0), lost } }))
      expect(error._tag).toBe("ConnectionLost")
      yield* untilEffect(on.api.open, (open) => open === idle)
    })
  )

  it.live("whose SSH connection is lost says so", () =>
    Effect.gen(function* () {
      const on = yield* found(hang)
      const pulling = yield* Effect.forkChild(Effect.flip(pullOn(on)))
      yield* untilEffect(() => linesOf(on).length === 1)
      yield* on.sshd.killSessions
      expect(yield* Fiber.join(pulling)).toMatchObject({ _tag: "ConnectionLost", server: "web1" })
    })
  )

  it.live("is given up if docker does not answer other questions", () =>
    Effect.gen(function* () {
      const on = yield* found((asked) => {
        on.api.handle(() => {})
        hang(asked)
      })
      const error = yield* Effect.flip(pullOn(on))
      expect(error.message).toBe("Timed out on web1 after waiting 0.6 s for docker to answer.")
    }).pipe(Effect.provideService(LimitScale, 0.01))
  )

  it.live("is given up if it makes no progress for too long, while docker answers", () =>
    Effect.gen(function* () {
      const on = yield* found(hang)
      const error = yield* Effect.flip(pullOn(on))
      expect(error.message).toBe(`Timed out on web1 while waiting for docker to pull ${name}: no progress for 3 s.`)
      expect(notesOf(on)).toContain(`still waiting for docker to pull ${name} on web1 (no progress for 0.2 s)`)
      expect(on.api.requests()).toContain("GET /_ping")
      yield* untilEffect(on.api.open, (open) => open <= 1)
    }).pipe(Effect.provideService(LimitScale, 0.005))
  )
})

test("the progress of a pull counts a layer whose size docker only tells while it unpacks it", () => {
  const told: Array<Amount> = []
  const read = messageReader((amount) => told.push(amount))
  for (const status of ["Pulling fs layer", "Download complete", "Extracting", "Pull complete"])
    read({ id: "6cce2fd30a69", status, progressDetail: status === "Extracting" ? { current: 3, total: 40 } : {} })
  expect(told.at(-1)).toEqual({ bytes: 40, total: 40 })
})

test("the progress of a pull does not count bytes again when they are unpacked", () => {
  const told: Array<Amount> = []
  const read = messageReader((amount) => told.push(amount))
  const [a, b] = ["6cce2fd30a69", "930414e60863"]
  const lines = [
    { id: "v1", status: "Pulling from me/web" },
    { id: a, status: "Pulling fs layer", progressDetail: {} },
    { id: b, status: "Waiting", progressDetail: {} },
    { id: a, status: "Downloading", progressDetail: { current: 4, total: 10 } },
    { id: b, status: "Downloading", progressDetail: { current: 1 } },
    { id: b, status: "Downloading", progressDetail: { current: -5, total: -1 } },
    { id: a, status: "Downloading", progressDetail: { current: 9, total: 10 } },
    { id: a, status: "Verifying Checksum", progressDetail: {} },
    { id: a, status: "Extracting", progressDetail: { current: 3, total: 40 } },
    { id: a, status: "Pull complete", progressDetail: {} },
    { id: b, status: "Already exists", progressDetail: {} },
    { status: "\u001b[31mStatus: Image is up to date" }
  ].map(read)
  expect(told).toEqual([
    { bytes: 4 },
    { bytes: 5, total: 11 },
    { bytes: 4, total: 11 },
    { bytes: 9, total: 11 },
    { bytes: 10, total: 11 },
    { bytes: 10, total: 11 },
    { bytes: 10, total: 11 },
    { bytes: 11, total: 11 }
  ])
  expect(lines.filter((line) => line !== undefined)).toEqual([
    "v1: Pulling from me/web",
    `${a}: Pulling fs layer`,
    `${b}: Waiting`,
    `${a}: Verifying Checksum`,
    `${a}: Pull complete`,
    `${b}: Already exists`,
    "Status: Image is up to date"
  ])
})
