import { describe, expect, test } from "bun:test"
import { Effect, Redacted } from "effect"
import type { Service } from "../../src/config/Project.ts"
import type { InspectedContainer } from "../../src/layers/docker/inspect.ts"
import { configurationOf, differences } from "../../src/steps/configuration.ts"
import { becauseOf, plan } from "../../src/steps/Plan.ts"
import type { PushedImage } from "../../src/steps/Push.ts"
import { it } from "../support/effect.ts"
import { image, type Override, project, rehearse, service, succeeded } from "./rehearsal.ts"

const digests = { old: `sha256:${"a".repeat(64)}`, new: `sha256:${"b".repeat(64)}` }
const web = service("web", ["web1"], { environment: { clear: { LOG: "info" }, secrets: ["TOKEN"] } })
const secrets = new Map([["TOKEN", Redacted.make("hunter22")]])
const container = (overrides: Partial<InspectedContainer> = {}, of = web): InspectedContainer => {
  const { hash: config, parts } = configurationOf(of, secrets)
  return {
    id: "c0ffee",
    name: `shop-${of.name}`,
    imageId: "i",
    status: "running",
    running: true,
    healthy: true,
    restartPolicy: "unless-stopped",
    service: of.name,
    digest: digests.old,
    config,
    parts,
    version: "v1",
    ...overrides
  }
}
const pushed: PushedImage = {
  service: "web",
  repository: "ghcr.io/me/web",
  reference: { registry: "ghcr.io", path: "me/web", tag: "v2" },
  version: "v2",
  digest: digests.old,
  architecture: "amd64"
}
const planned = (
  containers: ReadonlyArray<InspectedContainer>,
  options: { readonly of?: Service; readonly name?: "docker" | "podman" } = {}
) => {
  const { name = "docker", of = web } = options
  return plan(project(), of, { containers, name }, of.source._tag === "Build" ? pushed : undefined, secrets)
}
const because = (...args: Parameters<typeof planned>) => {
  const decided = planned(...args)
  return decided._tag === "Replace" ? decided.because : decided._tag
}

describe("a plan", () => {
  test("replaces a container that restarts again and again, is paused or stopped", () => {
    const of = (status: string) => because([container({ status, running: false, healthy: false })])
    expect(of("restarting")).toEqual(["the container is restarting"])
    expect(of("paused")).toEqual(["the container is paused"])
    for (const status of ["exited", "created", "dead", "stopping"])
      expect(of(status)).toEqual(["the container is stopped"])
  })

  test("replaces a container whose restart policy an interrupted deploy or a person has changed", () => {
    expect(because([container({ restartPolicy: "no" })])).toEqual(["restart policy no → unless-stopped"])
    expect(because([container({ restartPolicy: "always" })])).toEqual(["restart policy always → unless-stopped"])
    expect(because([container({ restartPolicy: "always" })], { name: "podman" })).toBe("Keep")
    expect(because([container()], { name: "podman" })).toEqual(["restart policy unless-stopped → always"])
  })

  test("looks at the container that serves, in whatever order the engine lists them", () => {
    const stopped = { running: false, healthy: false, status: "exited", digest: digests.new }
    const trial = container({ id: "t", name: "shop-web-trial", ...stopped })
    const next = container({ id: "n", name: "shop-web-next", ...stopped })
    const interrupted = ["an earlier deploy was interrupted"]
    for (const all of [
      [trial, container(), next],
      [next, trial, container()]
    ]) {
      expect(because(all)).toEqual(interrupted)
    }
    // replace.sh keeps the new container if only that one runs.
    const serving = container({ name: "shop-web-next" })
    expect(because([container(stopped), serving])).toEqual(interrupted)
  })

  test("ignores other containers with the same labels", () => {
    const copy = container({ id: "x", name: "debug-copy", digest: digests.new, config: "other" })
    expect(because([copy, container()])).toBe("Keep")
    expect(because([copy])).toBe("Start")
  })

  const pinned = (text: string) => service("cache", ["web1"], { source: image(text) })

  test("keeps a container whose image deploy.yml pins by its digest", () => {
    for (const name of ["redis", "redis:7"]) {
      const cache = pinned(`${name}@${digests.old}`)
      expect(because([container({}, cache)], { of: cache })).toBe("Keep")
    }
  })

  test("says which image a pinned one replaces, and shows the digest as its version", () => {
    const cache = pinned(`redis@${digests.new}`)
    expect(planned([container({}, cache)], { of: cache })).toMatchObject({
      image: { digest: digests.new },
      version: "b".repeat(12),
      because: ["image aaaaaaaaaaaa → bbbbbbbbbbbb"]
    })
    expect(planned([], { of: pinned(`redis:7@${digests.new}`) })).toMatchObject({ version: "7" })
    const long = `sha512:${"c".repeat(128)}`
    expect(planned([], { of: pinned(`redis@${long}`) })).toMatchObject({
      version: "c".repeat(12),
      image: { digest: long }
    })
  })

  test("stops a container first that writes to a path with a comma", () => {
    for (const [volume, strategy] of [
      ["data:/data,ro", "stop"],
      ["data:/data,ro:z", "stop"],
      ["data:/data:ro", "beside"],
      ["/srv/a,b:/data,rw:z,ro", "beside"]
    ] as const) {
      expect(planned([], { of: { ...web, volumes: [volume] } })).toMatchObject({ strategy })
    }
  })

  test("names no more variables than a person would read", () => {
    const clear = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`V${n + 10}`, "x"]))
    const of = (count: number) => service("web", ["web1"], { environment: { clear: clear(count), secrets: [] } })
    const says = (count: number) =>
      differences(configurationOf(of(0), new Map()).parts, configurationOf(of(count), new Map()).parts)
    expect(says(10)).toEqual(["environment: V10, V11, V12, V13, V14, V15, V16, V17, V18, V19"])
    expect(says(11)).toEqual(["environment: V10, V11, V12, V13, V14, V15, V16, V17, V18 and 2 more"])
  })

  test("names nothing that cannot be a variable, whatever a label says", () => {
    const { parts } = configurationOf(web, secrets)
    const of = (environment: Readonly<Record<string, string>>) =>
      differences(JSON.stringify({ ...JSON.parse(parts), environment }), parts)
    expect(of({ "\u001b[31mEVIL\n::error::": "x", OLD: "x" })).toEqual(["environment: LOG, OLD"])
    expect(of({ ...JSON.parse(parts).environment, "a b": "x", ["A".repeat(200)]: "x" })).toEqual(["configuration"])
  })
})

describe("the reasons for a replacement", () => {
  const cache = service("cache", ["web1"], {
    source: image("redis:7"),
    environment: { clear: { LOG: "info" }, secrets: [] }
  })
  const replace = (overrides: Partial<InspectedContainer>) => {
    const decided = planned([container(overrides, cache)], { of: cache })
    if (decided._tag !== "Replace") throw new Error(decided._tag)
    return decided
  }
  const before = configurationOf(service("cache", ["web1"]), secrets)
  const changed = { config: before.hash, parts: before.parts }

  test("name both digests of an image that jiji did not build, once they are known", () => {
    expect(replace(changed).because).toEqual(["image redis:7 may have changed", "environment: LOG"])
    expect(becauseOf(replace(changed), digests.new)).toEqual(["image aaaaaaaaaaaa → bbbbbbbbbbbb", "environment: LOG"])
    expect(becauseOf(replace({ digest: "" }), digests.new)).toEqual(["image unknown → bbbbbbbbbbbb"])
  })

  test("do not mention an image that is the same", () => {
    expect(becauseOf(replace(changed), digests.old)).toEqual(["environment: LOG"])
    expect(becauseOf(replace({}), digests.old)).toEqual(["the container changed during the deploy"])
  })

  it.effect("are final in the result of a deploy", () =>
    Effect.gen(function* () {
      const found = {
        Id: "c0ffee",
        Name: "/shop-cache",
        Image: "sha256:i1",
        State: { Status: "running", Running: true },
        HostConfig: { RestartPolicy: { Name: "unless-stopped" } },
        Config: {
          Labels: {
            "jiji.project": "shop",
            "jiji.service": "cache",
            "jiji.digest": digests.old,
            "jiji.config": before.hash,
            "jiji.parts": before.parts
          }
        }
      }
      const reasons = Effect.fnUntraced(function* (digest: string) {
        const pulled = { Id: "sha256:i2", Architecture: "amd64", Size: 1, RepoDigests: [`redis@${digest}`] }
        const override: Override = (_, { script }) => {
          if (script === "probe") return succeeded(`docker 20.10 x86_64\n${JSON.stringify([found])}`)
          return script === "pull" ? succeeded(JSON.stringify([pulled])) : undefined
        }
        const { events } = yield* rehearse(project({ services: [cache] }), { override })
        return events.find((event) => event._tag === "StepSucceeded" && event.path.endsWith("/deploy"))
      })
      expect(yield* reasons(digests.old)).toMatchObject({ result: { deployed: { because: ["environment: LOG"] } } })
      expect(yield* reasons(digests.new)).toMatchObject({
        result: { deployed: { because: ["image aaaaaaaaaaaa → bbbbbbbbbbbb", "environment: LOG"] } }
      })
    })
  )

  it.effect("do not include an image that deploy.yml pins, which is not pulled again", () =>
    Effect.gen(function* () {
      const pinned = service("cache", ["web1"], { source: image(`redis@${digests.old}`) })
      const { hash: config } = configurationOf(pinned, new Map())
      const labels = { project: "shop", service: "cache", digest: digests.old, config }
      const Labels = Object.fromEntries(Object.entries(labels).map(([name, value]) => [`jiji.${name}`, value]))
      const State = { Status: "running", Running: true }
      const found = { Id: "c0ffee", Name: "/shop-cache", Image: "sha256:i1", State, Config: { Labels } }
      const override: Override = (_, { script }) =>
        script === "probe" ? succeeded(`docker 20.10 x86_64\n${JSON.stringify([found])}`) : undefined
      const { on } = yield* rehearse(project({ services: [pinned] }), { override })
      expect(on("web1")).toEqual(["connect", "probe engine=docker project=shop"])
      const first = yield* rehearse(project({ services: [pinned] }))
      const replaced = first.on("web1").find((line) => line.startsWith("replace"))
      expect(replaced).toContain(`--label jiji.version=aaaaaaaaaaaa --label jiji.digest=${digests.old} `)
    })
  )
})

describe("connecting", () => {
  it.effect("warns about containers with a service's labels that are not its own", () =>
    Effect.gen(function* () {
      const found = (Name: string, Status: string) => ({
        Id: "c0ffee",
        Name,
        Image: "sha256:i1",
        State: { Status, Running: Status !== "exited" },
        Config: { Labels: { "jiji.project": "shop", "jiji.service": "web" } }
      })
      const all = [found("/shop-web", "running"), found("/shop-web-trial", "running"), found("/debug-copy", "running")]
      const others = [found("/old-copy", "exited"), found("/crashing", "restarting")]
      const override: Override = (_, { script }) =>
        script === "probe" ? succeeded(`docker 20.10 x86_64\n${JSON.stringify([...all, ...others])}`) : undefined
      const { events } = yield* rehearse(project(), { override, isFullDeploy: true })
      const warnings = events.flatMap((event) =>
        event._tag === "StepNoted" && event.level === "warning" ? [event.text] : []
      )
      const says = (name: string, status: string) =>
        `${name} is ${status} here but is not in deploy.yml for this server. To remove it: docker rm --force ${name}`
      expect(warnings).toEqual([
        says("debug-copy", "running"),
        says("old-copy", "stopped"),
        says("crashing", "restarting")
      ])
    })
  )
})
