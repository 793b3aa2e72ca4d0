import { describe, expect, test } from "bun:test"
import { Duration, Effect, Result } from "effect"
import { parse } from "../../src/config/ImageReference.ts"
import type { Service } from "../../src/config/Project.ts"
import { secretsNotNamed } from "../../src/config/secretNames.ts"
import { asciiJson, define, readDefinition, serviceOf } from "../../src/steps/definition.ts"
import { createHash } from "node:crypto"
import { CurrentRun } from "../../src/core/Events.ts"
import { service } from "./rehearsal.ts"

const now = Date.parse("2026-03-01T12:00:00.000Z")

const settings = { memory: "1g", ulimits: { nofile: { soft: 1, hard: 2 } }, stop_timeout: 5, labels: { team: "x" } }

const known = Effect.runSync(
  Effect.provideService(
    define({
      service: service("web", ["web1"], { settings }),
      image: Result.getOrThrow(parse("shop-web:v1")),
      digest: "sha256:1",
      version: "v1",
      built: true,
      now,
      beside: {}
    }),
    CurrentRun,
    "run1"
  )
)

type Json = Record<string, unknown>

/** The label as somebody has changed it, with the id that belongs to it. */
const changed = (change: (definition: Json & { service: Json; deployed: Json }) => void) => {
  const definition = JSON.parse(known.json)
  change(definition)
  const { built, digest, image, service, version } = definition
  const hash = createHash("sha256").update(JSON.stringify([image, digest, version, built, service]))
  return { record: hash.digest("hex").slice(0, 12), definition: asciiJson(definition) }
}

const read = (labels: Parameters<typeof readDefinition>[0]) => readDefinition(labels, now)

describe("a definition in labels", () => {
  test("is read as it was written, and settings come back", () => {
    const found = read({ record: known.id, definition: known.json })
    expect(found).toEqual(known)
    expect(read(changed(() => {}))).toEqual(known)
    expect(serviceOf("web", known, new Map()).service.settings).toEqual(settings)
  })

  test("may have fields of a newer jiji", () => {
    expect(read(changed(({ service }) => (service.novel = { a: 1 })))).toBeDefined()
  })

  test("is ignored if its id is another one's", () => {
    expect(read({ record: "0123456789ab", definition: known.json })).toBeUndefined()
    const { definition } = changed(({ service }) => (service.volumes = ["/:/host"]))
    expect(read({ record: known.id, definition })).toBeUndefined()
  })

  test.each([
    "9999",
    "2026-03-01",
    "2026-03-01T13:00:00.001Z",
    "2026-03-01T12:00:00+00:00",
    "+012026-03-01T12:00:00.000Z",
    "x",
    ""
  ])("is ignored if jiji cannot have written its time %p", (at) => {
    expect(read(changed(({ deployed }) => (deployed.at = at)))).toBeUndefined()
  })

  test("may come from a machine whose clock is a little ahead", () => {
    expect(read(changed(({ deployed }) => (deployed.at = "2026-03-01T13:00:00.000Z")))).toBeDefined()
  })

  test.each([
    { ulimits: { nofile: null } },
    { ulimits: { nofile: 5 } },
    { ulimits: [] },
    { memory: {} },
    { cap_add: "ALL" },
    { stop_timeout: "5" },
    { logging: null },
    { labels: { a: null } }
  ])("is ignored if its settings are malformed: %j", (wrong) => {
    expect(read(changed(({ service }) => (service.settings = wrong)))).toBeUndefined()
  })

  test("does not fail with a limit that does not exist", () => {
    const found = read(changed(({ service }) => (service.settings = { ulimits: { a: null } })))
    if (found !== undefined) expect(serviceOf("web", found, new Map()).service.settings?.ulimits ?? {}).toEqual({})
  })
})

describe("the secrets that a version asks for", () => {
  const uses = (...secrets: ReadonlyArray<string>): Service =>
    service("web", ["web1"], { environment: { clear: {}, secrets } })
  const mounts = (name: string): Service =>
    service("web", ["web1"], { files: [{ source: { _tag: "Secret", name }, target: "/key", mode: "0400" }] })

  test("are those that deploy.yml gives to the service, in the environment or in files", () => {
    expect(secretsNotNamed(uses("TOKEN", "OTHER"), uses("TOKEN"))).toEqual([])
    expect(secretsNotNamed(uses("TOKEN"), mounts("TOKEN"))).toEqual([])
    expect(secretsNotNamed(mounts("TOKEN"), uses("TOKEN"))).toEqual([])
    expect(secretsNotNamed(uses("TOKEN"), uses("TOKEN", "OF_ANOTHER"))).toEqual(["OF_ANOTHER"])
    expect(secretsNotNamed(uses("TOKEN"), mounts("OF_ANOTHER"))).toEqual(["OF_ANOTHER"])
  })

  test("are none of a service that is no longer in deploy.yml", () => {
    expect(secretsNotNamed(undefined, uses("TOKEN"))).toEqual(["TOKEN"])
  })

  test("are not those of its build", () => {
    const built = service("web", ["web1"], {
      source: { _tag: "Build", context: ".", dockerfile: "Dockerfile", args: {}, secrets: ["NPM_TOKEN"] }
    })
    expect(secretsNotNamed(built, uses("NPM_TOKEN"))).toEqual(["NPM_TOKEN"])
  })

  test("include its own certificate, which the proxy needs", () => {
    const tls = { _tag: "Certificate", certificate: "CERT", key: "CERT_KEY" } as const
    const proxied: Service = {
      ...uses(),
      proxy: { hosts: ["a.example"], port: 80, path: "/", strip: false, tls, responseTimeout: Duration.minutes(1) }
    }
    expect(secretsNotNamed(proxied, proxied)).toEqual([])
    expect(secretsNotNamed(uses(), proxied)).toEqual(["CERT", "CERT_KEY"])
  })
})
