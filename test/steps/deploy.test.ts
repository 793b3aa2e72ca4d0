import { describe, expect } from "bun:test"
import { createHash } from "node:crypto"
import { Cause, Effect, Exit, Layer, Redacted } from "effect"
import { Docker, type PullOptions } from "../../src/layers/docker/Docker.ts"
import type { InspectedContainer } from "../../src/layers/docker/inspect.ts"
import { label } from "../../src/layers/shell/Machine.ts"
import { ConnectionLost } from "../../src/layers/ssh/SshError.ts"
import { configurationOf } from "../../src/steps/configuration.ts"
import * as Plan from "../../src/steps/Plan.ts"
import * as Pull from "../../src/steps/Pull.ts"
import * as Answer from "../../src/testing/Answer.ts"
import { it } from "../support/effect.ts"
import { failed, image, type Override, project, rehearse, succeeded, server, service } from "./rehearsal.ts"

/** An image ID or digest, computed as a rehearsal does. */
const fakeDigest = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`

const errors = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) ? exit.cause.reasons.flatMap((reason) => (Cause.isFailReason(reason) ? [reason.error] : [])) : []

const pushed = {
  service: "web",
  repository: "localhost:9270/shop-web",
  reference: { registry: "localhost:9270", path: "shop-web", tag: "v1" },
  version: "v1",
  digest: "sha256:d1",
  architecture: "amd64"
}

const container: InspectedContainer = {
  id: "c0ffee",
  name: "shop-web",
  imageId: "sha256:i1",
  running: true,
  healthy: true,
  service: "web",
  digest: "sha256:d0",
  config: "c",
  parts: "",
  version: "v0"
}

/** The first words of a `replace` command. */
const head = (line: string | undefined) => line?.split(" ").slice(0, 4).join(" ")

describe("a deploy with the local registry", () => {
  it.effect("builds, imports and serves images locally, and tunnels, pulls and replaces on the server", () =>
    Effect.gen(function* () {
      const { exit, on } = yield* rehearse(project())
      expect(Exit.isSuccess(exit)).toBe(true)
      const name = "localhost:9270/shop-web"
      const id = fakeDigest(`${name}:abc1234`)
      expect(on("local")).toEqual([
        "version /srv",
        `docker build --file /srv/web/Dockerfile --tag ${name}:abc1234 --platform linux/amd64 /srv/web`,
        `docker image inspect ${name}:abc1234`,
        `docker save ${name}:abc1234`,
        "import shop-web:abc1234",
        "serve 9270"
      ])
      const { hash: config, parts } = configurationOf(service("web", []), new Map())
      const there = fakeDigest(`${name}@${id}`)
      expect(on("web1")).toEqual([
        "connect",
        "probe docker shop",
        "forward 9270",
        `pull docker ${name}@${id} ${name}:abc1234 true no no '' ''`,
        `replace docker shop-web shop ${id} ${config} beside 1 60 ${name}:abc1234 ${there} ${name} 3 0 ` +
          "--pull never --restart unless-stopped --label jiji.project=shop --label jiji.service=web " +
          `--label jiji.version=abc1234 --label jiji.digest=${id} --label jiji.config=${config} --label jiji.parts=${parts} ${name}:abc1234`
      ])
    })
  )

  it.effect("opens one tunnel per server, shared by its services", () =>
    Effect.gen(function* () {
      const services = [
        service("web", ["web1", "web2"]),
        service("api", ["web2"]),
        service("cache", ["web1"], { source: image("redis:7") })
      ]
      const { all, on } = yield* rehearse(project({ servers: [server("web1"), server("web2")], services }))
      expect(all.filter((line) => line.startsWith("local: docker build"))).toHaveLength(2)
      expect(all.filter((line) => line === "local: serve 9270")).toHaveLength(1)
      const pulls = (name: string) =>
        on(name)
          .filter((line) => line.startsWith("pull"))
          .map((line) => line.split(" ")[2]?.replace(/@.*/, ""))
          .sort()
      expect(on("web1").filter((line) => line.startsWith("forward"))).toHaveLength(1)
      expect(pulls("web1")).toEqual(["localhost:9270/shop-web", "redis:7"])
      expect(on("web2").filter((line) => line.startsWith("forward"))).toHaveLength(1)
      expect(pulls("web2")).toEqual(["localhost:9270/shop-api", "localhost:9270/shop-web"])
      expect(on("web2").filter((line) => line.startsWith("replace"))).toHaveLength(2)
    })
  )

  it.effect("serves nothing and opens no tunnel if nothing was built", () =>
    Effect.gen(function* () {
      const { all } = yield* rehearse(
        project({ services: [service("web", ["web1"], { source: image("nginx:1.27") })] })
      )
      expect(all.map((line) => line.split(" ").slice(0, 3).join(" "))).toEqual([
        "web1: connect",
        "web1: probe docker",
        "web1: pull docker",
        "web1: replace docker"
      ])
    })
  )

  it.effect("turns off TLS only for podman, and only for pulls through the tunnel", () =>
    Effect.gen(function* () {
      const services = [service("web", ["web1"]), service("cache", ["web1"], { source: image("redis:7") })]
      const { on } = yield* rehearse(project({ engine: "podman", services }))
      const pulls = on("web1").filter((line) => line.startsWith("pull"))
      expect(pulls.map((line) => line.replace(/@\S+/, "")).sort()).toEqual([
        "pull podman localhost:9270/shop-web localhost:9270/shop-web:abc1234 false no no '' ''",
        "pull podman redis:7 '' true no yes '' ''"
      ])
    })
  )

  it.effect("pulls through another port if the usual one is taken, and keeps the image's usual name", () =>
    Effect.gen(function* () {
      const { events, on } = yield* rehearse(project(), { answers: [Answer.portTaken("web1")] })
      const id = fakeDigest("localhost:9270/shop-web:abc1234")
      expect(on("web1")).toContain(
        `pull docker localhost:40000/shop-web@${id} localhost:9270/shop-web:abc1234 true yes no '' ''`
      )
      expect(events).toContainEqual(
        expect.objectContaining({ _tag: "StepNoted", text: "port 9270 is taken on web1; using port 40000" })
      )
    })
  )

  it.effect("expects all of an image through the tunnel only if the server has nothing of it", () =>
    Effect.gen(function* () {
      const lost = new ConnectionLost({ server: "web1" })
      const tunnel = { port: 9270, carried: Effect.succeed(0), lost: Effect.fail(lost) }
      const expected = Effect.fnUntraced(function* (names: ReadonlyArray<string>, containers: ReadonlyArray<string>) {
        const of = project({ services: names.map((name) => service(name, ["web1"])) })
        const running = containers.map((name) => ({ ...container, name: `shop-${name}`, service: name }))
        const engine = { name: "docker", version: "20", architecture: "amd64", containers: running } as const
        const images = [{ ...pushed, size: 4000 }]
        const plan = names.map((name, n) =>
          Plan.plan(of, service(name, ["web1"]), engine, { ...pushed, ...images[n], service: name }, new Map())
        )
        const [work] = Plan.workOf({ project: of, images, plan })
        if (work === undefined) throw new Error("no work")
        let asked: PullOptions["tunnel"]
        const docker = Layer.mock(Docker, {
          pull: (_, options) => {
            asked = options.tunnel
            return Effect.succeed({ id: "sha256:1d", architecture: "amd64", size: 1, repoDigests: [], digest: "" })
          }
        })
        yield* Pull.step
          .run({ project: of, server: { ...server("web1"), engine }, work, tunnel })
          .pipe(Effect.provide(docker))
        expect(asked?.lost).toBe(tunnel.lost)
        return asked?.expectedBytes
      })
      expect(yield* expected(["web"], [])).toBe(4000)
      expect(yield* expected(["web"], ["web"])).toBe(undefined)
      // Another image goes through the same tunnel.
      expect(yield* expected(["web", "api"], [])).toBe(undefined)
    })
  )
})

describe("a deploy with a remote registry", () => {
  const remote = project({
    registry: {
      type: "remote",
      server: "ghcr.io",
      username: { _tag: "Literal", value: Redacted.make("Me") },
      password: { _tag: "Name", name: "GITHUB_TOKEN" }
    },
    services: [
      service("web", ["web1"]),
      service("own", ["web1"], { source: image("ghcr.io/me/own:1") }),
      service("cache", ["web1"], { source: image("redis:7") })
    ]
  })

  it.effect("logs in, builds and pushes, and lets servers pull by digest with the same credentials", () =>
    Effect.gen(function* () {
      const { all, entries, exit, on } = yield* rehearse(remote, { env: { GITHUB_TOKEN: "hunter22" } })
      expect(Exit.isSuccess(exit)).toBe(true)
      const name = "ghcr.io/me/shop/web"
      expect(on("local")).toEqual([
        "version /srv",
        "check docker ghcr.io Me",
        `docker build --file /srv/web/Dockerfile --tag ${name}:abc1234 --platform linux/amd64 /srv/web`,
        `docker image inspect ${name}:abc1234`,
        `push docker ${name}:abc1234 '' yes ghcr.io Me`
      ])
      const pulls = on("web1").filter((line) => line.startsWith("pull"))
      expect(pulls.sort()).toEqual([
        "pull docker ghcr.io/me/own:1 '' true no yes ghcr.io Me",
        `pull docker ${name}@${fakeDigest(`${name}:abc1234`)} ${name}:abc1234 true no yes ghcr.io Me`,
        // Other registries must not receive the credentials.
        "pull docker redis:7 '' true no yes '' ''"
      ])
      expect(all.filter((line) => /serve|forward|import/.test(line))).toEqual([])
      expect(JSON.stringify(entries)).not.toContain("hunter22")
      const passwords = entries.flatMap((entry) =>
        entry._tag === "Command" ? Object.values(entry.command.env ?? {}) : []
      )
      const secret = passwords.flatMap((value) => (Redacted.isRedacted(value) ? [Redacted.value(value)] : []))
      // The login check, the push, and two pulls from this registry.
      expect(secret).toEqual(Array.from({ length: 4 }, () => "hunter22"))
    })
  )

  it.effect("changes nothing if a secret is missing", () =>
    Effect.gen(function* () {
      const { all, exit } = yield* rehearse(remote)
      expect(errors(exit)).toMatchObject([{ _tag: "SecretsMissing" }])
      expect(all).toEqual([])
    })
  )

  it.effect("pulls without credentials if none are configured", () =>
    Effect.gen(function* () {
      const registry = { type: "remote", server: "registry.example.com" } as const
      const { on } = yield* rehearse({ ...remote, registry })
      expect(on("local").some((line) => line.includes("check"))).toBe(false)
      expect(on("web1").filter((line) => line.endsWith("Me"))).toEqual([])
    })
  )
})

describe("a deploy of a version that is already running", () => {
  const name = "localhost:9270/shop-web"
  const id = fakeDigest(`${name}:abc1234`)
  const web = service("web", ["web1"])

  const container = (labels: Readonly<Record<string, string>>, Running = true, Name = "/shop-web") => ({
    Id: "c0ffee",
    Name,
    Image: "sha256:i1",
    State: { Running },
    Config: { Labels: { "jiji.project": "shop", "jiji.service": "web", "jiji.version": "v0", ...labels } }
  })
  const same = { "jiji.digest": id, "jiji.config": configurationOf(web, new Map()).hash }
  const finds =
    (...containers: ReadonlyArray<unknown>): Override =>
    (_, command) =>
      command.script === "probe" ? succeeded(`docker 20.10 x86_64\n${JSON.stringify(containers)}`) : undefined

  it.effect("changes nothing on the server and reports why", () =>
    Effect.gen(function* () {
      const { events, exit, on } = yield* rehearse(project(), { override: finds(container(same)) })
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(on("web1")).toEqual(["connect", "probe docker shop"])
      const skipped = events.flatMap((event) =>
        event._tag === "StepSkipped" ? [`${event.path.split("/").at(-1)}: ${event.reason}`] : []
      )
      expect(skipped).toEqual([
        "secrets: no secrets are used",
        "login: the registry is local",
        "tunnel: there is nothing to pull",
        "pull: already up to date",
        "deploy: already up to date"
      ])
      const result = events.find((event) => event._tag === "StepSkipped" && event.path.endsWith("/deploy"))
      expect(result).toMatchObject({
        result: { deployed: { server: "web1", service: "web", outcome: "unchanged", digest: id, container: "c0ffee" } }
      })
    })
  )

  it.effect("warns about containers that are not in deploy.yml, but only in a full deploy", () =>
    Effect.gen(function* () {
      const stray = (name: string, running = true) => ({
        ...container({ "jiji.service": name }, running, `/shop-${name}`)
      })
      const services = [web, service("api", ["web2"])]
      const of = project({ services, servers: [server("web1"), server("web2")] })
      const found = finds(container(same), stray("old"), stray("api"), stray("ended", false))
      const override: Override = (machine, command) => (label(machine) === "web1" ? found(machine, command) : undefined)
      const warnings = Effect.fnUntraced(function* (isFullDeploy: boolean) {
        const { events } = yield* rehearse(of, { override, isFullDeploy })
        return events.flatMap((event) => (event._tag === "StepNoted" && event.level === "warning" ? [event.text] : []))
      })
      const says = (name: string) =>
        `${name} is running here but is not in deploy.yml for this server. To remove it: docker rm --force ${name}`
      expect(yield* warnings(true)).toEqual([says("shop-old"), says("shop-api")])
      expect(yield* warnings(false)).toEqual([])
    })
  )

  it.effect("replaces the container if anything about it differs", () =>
    Effect.gen(function* () {
      const others = [
        [container({ ...same, "jiji.digest": fakeDigest("other") })],
        [container({ ...same, "jiji.config": "other" })],
        [container(same, false)],
        [container(same, true, "/shop-web-next")],
        [container(same), container(same, true, "/shop-web-next")]
      ]
      for (const containers of others) {
        const { events, on } = yield* rehearse(project(), { override: finds(...containers) })
        expect(head(on("web1").at(-1))).toBe("replace docker shop-web shop")
        const done = events.find((event) => event._tag === "StepSucceeded" && event.path.endsWith("/deploy"))
        expect(done).toMatchObject({ result: { deployed: { outcome: "replaced" } } })
      }
    })
  )

  it.effect("reports a container as unchanged if the server finds it already replaced", () =>
    Effect.gen(function* () {
      const { events } = yield* rehearse(project(), {
        override: (_, command) => (command.script === "replace" ? succeeded("unchanged c0ffee\n") : undefined)
      })
      const last = events.find((event) => event._tag === "StepSkipped" && event.path.endsWith("/deploy"))
      expect(last).toMatchObject({ result: { deployed: { outcome: "unchanged", container: "c0ffee" } } })
    })
  )
})

describe("a deploy that fails", () => {
  const servers = [server("web1"), server("web2")]
  const two = project({ servers, services: [service("web", ["web1", "web2"])] })
  const at =
    (name: string, script: string, output: string): Override =>
    (machine, command) =>
      label(machine) === name && command.script === script ? failed(output) : undefined

  it.effect("on one server still completes on the others", () =>
    Effect.gen(function* () {
      const { events, exit, on } = yield* rehearse(two, { override: at("web1", "pull", "manifest unknown") })
      expect(errors(exit)).toMatchObject([{ _tag: "ImageNotFound", machine: "web1" }])
      expect(on("web1").some((line) => line.startsWith("replace"))).toBe(false)
      expect(on("web2").some((line) => line.startsWith("replace"))).toBe(true)
      expect(events.at(-1)).toMatchObject({ _tag: "RunFailed", failures: [{ tag: "ImageNotFound" }] })
    })
  )

  it.effect("during the build changes nothing on any server", () =>
    Effect.gen(function* () {
      const { all, exit } = yield* rehearse(two, {
        override: (_, { words }) => (words[1] === "build" ? failed("no such file\n") : undefined)
      })
      expect(errors(exit)).toMatchObject([{ _tag: "BuildFailed", service: "web" }])
      expect(all.filter((line) => /pull|replace|serve|forward/.test(line))).toEqual([])
    })
  )

  it.effect("does not pull an image that the server's processor cannot run", () =>
    Effect.gen(function* () {
      const unsaid = project({ servers: [server("web1"), server("pi", { arch: "arm64" })] })
      const { arch: _, ...web1 } = server("web1")
      const { exit, on } = yield* rehearse(
        { ...unsaid, servers: [web1], services: [service("web", ["web1"])] },
        {
          override: (_, { script, words }) =>
            script === "probe"
              ? succeeded("docker 20.10 aarch64\n[]")
              : words[1] === "image"
                ? succeeded('[{"Id":"sha256:i1","Architecture":"amd64","Size":1,"RepoDigests":null}]')
                : undefined
        }
      )
      expect(errors(exit)).toMatchObject([{ _tag: "ArchitectureMismatch", image: "amd64", needed: "arm64" }])
      expect(on("web1").some((line) => line.startsWith("pull"))).toBe(false)
    })
  )

  it.effect("rejects a service on servers with different processors", () =>
    Effect.gen(function* () {
      const mixed = project({ ...two, servers: [server("web1"), server("web2", { arch: "arm64" })] })
      const { exit } = yield* rehearse(mixed)
      expect(errors(exit)).toMatchObject([{ _tag: "ArchitecturesDiffer", exitCode: 78 }])
      expect((errors(exit)[0] as Error).message).toBe(
        "web runs on servers with different architectures: web1 (amd64), web2 (arm64)."
      )
    })
  )

  it.effect("rejects a version that is not a valid tag", () =>
    Effect.gen(function* () {
      const { all, exit } = yield* rehearse(project(), { requestedVersion: "v1/beta" })
      expect(errors(exit)).toMatchObject([{ _tag: "ImageNameInvalid", part: "tag" }])
      expect(all).toEqual([])
    })
  )
})

describe("the strategy for replacing a container", () => {
  const strategy = (overrides: Parameters<typeof service>[2]) =>
    Effect.map(
      rehearse(project({ services: [service("web", ["web1"], overrides)] })),
      ({ on }) => on("web1").at(-1)?.split(" ")[6]
    )

  it.effect("depends on its ports and volumes", () =>
    Effect.gen(function* () {
      const found = yield* Effect.forEach(
        [
          {},
          { ports: ["80"] },
          { ports: ["8080:80"] },
          { volumes: ["/srv/a:/a:ro", "b:/b:z,ro"] },
          { volumes: ["data:/ro"] },
          { volumes: ["data:/data"], ports: ["8080:80"] },
          { volumes: ["/srv/a:/a:ro"], ports: ["8080:80"] }
        ],
        strategy
      )
      expect(found).toEqual(["beside", "beside", "trial", "beside", "stop", "stop", "trial"])
    })
  )
})
