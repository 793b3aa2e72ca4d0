import { describe, expect } from "bun:test"
import { Effect, Redacted, Result } from "effect"
import { parse } from "../../src/config/ImageReference.ts"
import type { Service } from "../../src/config/Project.ts"
import { CurrentRun } from "../../src/core/Events.ts"
import type { InspectedContainer } from "../../src/layers/docker/inspect.ts"
import type { KeptContainer } from "../../src/layers/docker/kept/keptContainers.ts"
import { define, keptFiles, keptLabels, type KnownDefinition, serviceOf } from "../../src/steps/definition.ts"
import { surplusVersions } from "../../src/steps/keepVersion.ts"
import { type Targets, targetsOf, type VersionedServer, versionsOn } from "../../src/steps/versions.ts"
import { it } from "../support/effect.ts"
import { image, project, server, service } from "./rehearsal.ts"

interface Given {
  readonly run?: number
  readonly log?: string
  readonly before?: KnownDefinition
  readonly beside?: Readonly<Record<string, string>>
}

/** What a deploy would have kept of a service. */
const version = (name: string, tag: string, given: Given = {}) => {
  const { before, beside = {}, log = "", run = Number(tag.replace(/\D/g, "")) } = given
  const made = define({
    service: service(name, ["web1"], { environment: { clear: { LOG: log }, secrets: ["TOKEN"] } }),
    image: Result.getOrThrow(parse(`localhost:9270/shop-${name}:${tag}`)),
    digest: `sha256:${name}${tag}`,
    version: tag,
    built: true,
    now: run * 1000,
    ...(before !== undefined && { before: before.id }),
    beside
  })
  return Effect.runSync(Effect.provideService(made, CurrentRun, `run${run}`))
}

const keptAs = (name: string, known: KnownDefinition, labels = keptLabels(name, known)): KeptContainer => ({
  id: `kept-${known.id}`,
  name: `shop-${name}.${known.id}`,
  imageId: `sha256:image-${known.definition.version}`,
  labels: { ...labels, "jiji.kept": "shop" }
})

const running = (name: string, known: KnownDefinition): InspectedContainer => ({
  id: `id-${name}`,
  name: `shop-${name}`,
  imageId: `sha256:image-${known.definition.version}`,
  running: true,
  healthy: true,
  service: name,
  digest: known.definition.digest,
  config: "",
  parts: "",
  version: known.definition.version,
  record: known.id,
  definition: known.json
})

type Named = readonly [service: string, known: KnownDefinition]

const services = ["web", "api"].map((name) => service(name, ["web1", "web2"]))
const shop = project({ servers: [server("web1"), server("web2")], services })

const machine = (name: string, runs: ReadonlyArray<Named>, kept: ReadonlyArray<Named> = runs): VersionedServer => {
  const containers = runs.map(([service, known]) => running(service, known))
  const connected = {
    ...server(name),
    engine: { name: "docker", version: "28", architecture: "amd64", containers }
  } as const
  const all = kept.map(([service, known]) => keptAs(service, known))
  return { ...connected, versions: versionsOn(shop, connected, all) }
}

const chosen = (servers: ReadonlyArray<VersionedServer>, wanted?: string) => {
  const found = targetsOf(shop, servers, wanted)
  if (!(found instanceof Map)) return found
  const targets: Targets = found
  return Object.fromEntries(
    [...targets].map(([name, all]) => [
      name,
      all.map(({ known, service }) => `${service.name} ${known.definition.version}`)
    ])
  )
}

describe("without a version, a rollback", () => {
  const w1 = version("web", "v1")
  const a1 = version("api", "v1")
  const w2 = version("web", "v2", { before: w1, beside: { api: a1.id } })
  const a3 = version("api", "v3", { before: a1, beside: { web: w2.id } })
  const kept: ReadonlyArray<Named> = [
    ["web", w1],
    ["web", w2],
    ["api", a1],
    ["api", a3]
  ]

  it.effect("undoes the last deploy, and nothing that an earlier one did", () =>
    Effect.sync(() => {
      const now: ReadonlyArray<Named> = [
        ["web", w2],
        ["api", a3]
      ]
      expect(chosen([machine("web1", now, kept)])).toEqual({ web1: ["api v1"] })
      // A rollback does not count as a deploy: the next one goes further back.
      expect(
        chosen([
          machine(
            "web1",
            [
              ["web", w2],
              ["api", a1]
            ],
            kept
          )
        ])
      ).toEqual({ web1: ["web v1"] })
    })
  )

  it.effect("leaves a server alone that the last deploy did not reach", () =>
    Effect.sync(() => {
      const servers = [
        machine(
          "web1",
          [
            ["web", w2],
            ["api", a3]
          ],
          kept
        ),
        machine(
          "web2",
          [
            ["web", w2],
            ["api", a1]
          ],
          kept
        )
      ]
      expect(chosen(servers)).toEqual({ web1: ["api v1"] })
    })
  )

  it.effect("fails if a server has lost a version, even if another one has it", () =>
    Effect.sync(() => {
      const now: ReadonlyArray<Named> = [
        ["web", w2],
        ["api", a3]
      ]
      expect(chosen([machine("web1", now, kept), machine("web2", now)])).toMatchObject({
        _tag: "VersionGone",
        versions: [`api ${a1.id}`],
        servers: ["web2"],
        others: ["web1"]
      })
      expect(chosen([machine("web2", now)])).toMatchObject({ _tag: "VersionGone", servers: ["web2"], others: [] })
    })
  )

  it.effect("fails if nothing ran before", () =>
    Effect.sync(() => {
      expect(
        chosen([
          machine("web1", [
            ["web", w1],
            ["api", a1]
          ])
        ])
      ).toMatchObject({
        _tag: "NoVersionBefore",
        services: ["web", "api"],
        servers: ["web1"]
      })
      expect(chosen([machine("web1", [])])).toMatchObject({ _tag: "NoVersionBefore", services: ["web", "api"] })
    })
  )
})

describe("with a version, a rollback", () => {
  const w1 = version("web", "v1")
  const a1 = version("api", "v1")
  const w2 = version("web", "v2", { before: w1, beside: { api: a1.id } })
  const a2 = version("api", "7", { run: 3, before: a1, beside: { web: w2.id } })
  const w3 = version("web", "v3", { before: w2, beside: { api: a1.id } })
  const kept: ReadonlyArray<Named> = [
    ["web", w1],
    ["web", w2],
    ["web", w3],
    ["api", a1],
    ["api", a2]
  ]
  const now: ReadonlyArray<Named> = [
    ["web", w3],
    ["api", a2]
  ]

  it.effect("takes services that did not change in it to what ran beside it", () =>
    Effect.sync(() => {
      expect(chosen([machine("web1", now, kept)], "v2")).toEqual({ web1: ["web v2", "api v1"] })
    })
  )

  it.effect("takes those with a version of their own to the one of the same deploy", () =>
    Effect.sync(() => {
      const before: ReadonlyArray<Named> = [
        ["web", w1],
        ["api", a1]
      ]
      expect(chosen([machine("web1", before, kept)], "v3")).toEqual({ web1: ["web v3", "api 7"] })
    })
  )

  it.effect("fails if a server does not have the version, or what ran beside it, and another one does", () =>
    Effect.sync(() => {
      const lost = (...names: ReadonlyArray<string>) => kept.filter(([, { id }]) => !names.includes(id))
      const here = machine("web1", now, kept)
      expect(chosen([here, machine("web2", now, lost(w2.id))], "v2")).toMatchObject({
        _tag: "VersionGone",
        versions: ["web v2"],
        servers: ["web2"],
        others: ["web1"],
        remedy: expect.stringContaining("-H web1")
      })
      expect(chosen([here, machine("web2", now, lost(a1.id))], "v2")).toMatchObject({
        _tag: "VersionGone",
        versions: [`api ${a1.id}`],
        servers: ["web2"]
      })
      expect(chosen([machine("web1", now, lost(w2.id)), machine("web2", now, lost(w2.id))], "v2")).toMatchObject({
        _tag: "UnknownVersion"
      })
    })
  )

  it.effect("never takes a definition from another server, not even for the same version", () =>
    Effect.sync(() => {
      const evil = version("web", "v2", { run: 4, log: "evil", beside: { api: a1.id } })
      const found = targetsOf(shop, [machine("web1", now, [...kept, ["web", evil]]), machine("web2", now, kept)], "v2")
      const targets: Targets = found instanceof Map ? found : new Map()
      expect(targets.get("web1")?.[0]?.known.id).toBe(evil.id)
      expect(targets.get("web2")?.[0]?.known.id).toBe(w2.id)
    })
  )

  it.effect("accepts the id of a record, and of several configurations of a version takes the newest", () =>
    Effect.sync(() => {
      const older = version("web", "v2", { run: 1, log: "older", beside: { api: a1.id } })
      const all: ReadonlyArray<Named> = [...kept, ["web", older]]
      const webOf = (wanted: string) => {
        const found = targetsOf(shop, [machine("web1", now, all)], wanted)
        return found instanceof Map ? (found as Targets).get("web1")?.[0]?.known.id : found
      }
      expect(webOf("v2")).toBe(w2.id)
      expect(webOf(older.id)).toBe(older.id)
    })
  )

  it.effect("fails if no server has it, and lists the known versions", () =>
    Effect.sync(() => {
      const error = chosen([machine("web1", now, kept)], "v4")
      expect(error).toMatchObject({ _tag: "UnknownVersion", known: ["v3", "7", "v2", "v1"] })
    })
  )
})

describe("the versions that are kept", () => {
  it.effect("are those before the one that runs, and then the newest, of as many images as `retain` says", () =>
    Effect.sync(() => {
      const w1 = version("web", "v1")
      const w2 = version("web", "v2", { before: w1 })
      const w3 = version("web", "v3", { before: w2 })
      const w4 = version("web", "v4", { before: w3 })
      // After a rollback to v2.
      const w5 = version("web", "v5", { before: w2 })
      const all = [w1, w2, w3, w4, w5].map((known) => keptAs("web", known))
      const surplus = (retain: number) =>
        surplusVersions(all, "web", w5, retain)
          .map(({ labels }) => labels["jiji.version"])
          .toSorted()
      expect(surplus(3)).toEqual(["v3", "v4"])
      expect(surplus(4)).toEqual(["v3"])
      expect(surplus(1)).toEqual(["v1", "v2", "v3", "v4"])
      expect(surplusVersions(all, "api", w5, 1)).toEqual([])
    })
  )

  it.effect("have at most as many configurations of each image", () =>
    Effect.sync(() => {
      const all = Array.from({ length: 5 }, (_, n) => version("web", "v1", { run: n, log: `${n}` }))
      const surplus = surplusVersions(
        all.map((known) => keptAs("web", known)),
        "web",
        all[4] ?? version("web", "v1"),
        2
      )
      expect(surplus).toHaveLength(3)
    })
  )
})

describe("a definition", () => {
  const text = (content: string) => Redacted.make(new TextEncoder().encode(content))
  const full: Service = service("web", ["web1"], {
    ports: ["8080:80"],
    command: ["serve", "ü"],
    environment: { clear: { LOG: "ü" }, secrets: ["TOKEN"] },
    files: [
      {
        source: { _tag: "Project", path: "a.conf", content: text("ä\n".repeat(1000)) },
        target: "/a.conf",
        mode: "0444"
      },
      { source: { _tag: "Secret", name: "KEY" }, target: "/key", mode: "0400" }
    ],
    settings: { memory: "1g", labels: { "com.example": "x" } },
    source: image("nginx:1.27")
  })
  const made = (of: Service) =>
    define({
      service: of,
      image: Result.getOrThrow(parse("nginx:1.27")),
      digest: `sha256:${"d".repeat(64)}`,
      version: "1.27",
      built: false,
      now: 0,
      beside: {}
    })

  it.effect("brings the same service back, and its labels have one line of ASCII each", () =>
    Effect.gen(function* () {
      const known = yield* made(full)
      const labels = keptLabels("web", known, full)
      for (const value of Object.values(labels)) expect(value).toMatch(/^[\x20-\x7e]*$/)
      const { missing, service } = serviceOf("web", known, keptFiles({ labels }))
      expect(missing).toEqual([])
      const { image: reference } = service.source as Extract<Service["source"], { readonly _tag: "Image" }>
      // The tag may stand for another image now.
      expect(reference).toEqual({ path: "nginx", digest: `sha256:${"d".repeat(64)}` })
      const values = ({ files = [], ...rest }: Service) => ({
        ...rest,
        files: files.map(({ source, ...file }) => ({
          ...file,
          source: source._tag === "Secret" ? source.name : Buffer.from(Redacted.value(source.content)).toString()
        }))
      })
      const { release: _, ...before } = full
      expect(values({ ...service, hosts: before.hosts, source: before.source })).toEqual(values(before))
    })
  )

  it.effect("has an id that depends on what runs, and not on who deployed it", () =>
    Effect.gen(function* () {
      const known = yield* made(full)
      const again = yield* Effect.provideService(made(full), CurrentRun, "another")
      expect(again.id).toBe(known.id)
      expect((yield* made({ ...full, ports: [] })).id).not.toBe(known.id)
    })
  )

  it.effect("says which files are missing if they were not kept, or are not the same", () =>
    Effect.gen(function* () {
      const known = yield* made(full)
      expect(serviceOf("web", known, new Map()).missing).toEqual(["a.conf"])
      expect(serviceOf("web", known, new Map([["/a.conf", new Uint8Array(3)]])).missing).toEqual(["a.conf"])
    })
  )

  it.effect("is not believed if jiji cannot have written it", () =>
    Effect.gen(function* () {
      const known = yield* made(full)
      const found = (labels: Readonly<Record<string, string>>) =>
        versionsOn(shop, machine("web1", []), [keptAs("web", known, { ...keptLabels("web", known), ...labels })]).length
      expect(found({})).toBe(1)
      expect(found({ "jiji.definition": "{}" })).toBe(0)
      expect(found({ "jiji.record": "../x" })).toBe(0)
      expect(keptFiles({ labels: { "jiji.files.0": "garbage" } })).toEqual(new Map())
    })
  )
})
