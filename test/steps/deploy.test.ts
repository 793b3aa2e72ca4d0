import { describe, expect } from "bun:test"
import { createHash } from "node:crypto"
import { Cause, Effect, Exit, Layer, Redacted } from "effect"
import { Docker } from "../../src/layers/docker/Docker.ts"
import { label } from "../../src/layers/shell/Machine.ts"
import { ConnectionLost } from "../../src/layers/ssh/SshError.ts"
import { configHash } from "../../src/steps/Plan.ts"
import { Events } from "../../src/core/Events.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import * as Pull from "../../src/steps/Pull.ts"
import * as Answer from "../../src/testing/Answer.ts"
import { it } from "../effect.ts"
import { failed, image, type Instead, project, rehearse, said, server, service } from "./rehearsal.ts"

/** Ids and digests as a rehearsal makes them up. */
const made = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`

const errors = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) ? exit.cause.reasons.flatMap((reason) => (Cause.isFailReason(reason) ? [reason.error] : [])) : []

const pushed = {
  service: "web",
  repository: "localhost:9270/shop-web",
  reference: "localhost:9270/shop-web:v1",
  version: "v1",
  digest: "sha256:d1"
}

/** The beginning of the arguments of `replace`. */
const head = (line: string | undefined) => line?.split(" ").slice(0, 4).join(" ")

describe("a deploy with the local registry", () => {
  it.effect("builds, saves and serves here, and tunnels, pulls and replaces there", () =>
    Effect.gen(function* () {
      const { exit, on } = yield* rehearse(project())
      expect(Exit.isSuccess(exit)).toBe(true)
      const name = "localhost:9270/shop-web"
      const id = made(`${name}:abc1234`)
      expect(on("local")).toEqual([
        "version /srv",
        `docker build --file /srv/web/Dockerfile --tag ${name}:abc1234 --platform linux/amd64 /srv/web`,
        `docker image inspect ${name}:abc1234`,
        `docker save ${name}:abc1234`,
        "import shop-web:abc1234",
        "serve 9270"
      ])
      const config = configHash(service("web", []), new Map())
      const there = made(`${name}@${id}`)
      expect(on("web1")).toEqual([
        "connect",
        "probe docker shop",
        "forward 9270",
        `pull docker ${name}@${id} ${name}:abc1234 true no no '' ''`,
        `replace docker shop-web shop ${id} ${config} beside 1 60 ${name}:abc1234 ${there} ${name} 3 0 ` +
          "--pull never --restart unless-stopped --label jiji.project=shop --label jiji.service=web " +
          `--label jiji.version=abc1234 --label jiji.digest=${id} --label jiji.config=${config} ${name}:abc1234`
      ])
    })
  )

  it.effect("opens one tunnel a server, for all of its services, and each server gets its own", () =>
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

  it.effect("serves nothing and opens no tunnel where nothing was built", () =>
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

  it.effect("lets podman alone do without TLS, and only from the tunnel", () =>
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

  it.effect("pulls through another port where the usual one is taken, and leaves no trace of it", () =>
    Effect.gen(function* () {
      const { events, on } = yield* rehearse(project(), { answers: [Answer.portTaken("web1")] })
      const id = made("localhost:9270/shop-web:abc1234")
      expect(on("web1")).toContain(
        `pull docker localhost:40000/shop-web@${id} localhost:9270/shop-web:abc1234 true yes no '' ''`
      )
      expect(events).toContainEqual(
        expect.objectContaining({ _tag: "StepNoted", text: "port 9270 is taken on web1; port 40000 is used" })
      )
    })
  )

  it.effect("ends a pull whose tunnel is gone, however long it would go on", () =>
    Effect.gen(function* () {
      const web = service("web", ["web1"])
      const lost = new ConnectionLost({ server: "web1", cause: new Error("reset") })
      const state = {
        project: project(),
        server: { ...server("web1"), engine: { name: "docker", version: "20", architecture: "amd64", containers: [] } },
        work: { service: web, image: { ...pushed, architecture: "amd64" } },
        secrets: new Map(),
        tunnel: { port: 9270, carried: Effect.succeed(0), lost: Effect.fail(lost) }
      } as const
      const events = Events.layer.pipe(Layer.provide(Scrubber.layer))
      const hanging = Layer.mock(Docker, { pull: () => Effect.never }).pipe(Layer.merge(events))
      expect(yield* Effect.flip(Pull.step.run(state)).pipe(Effect.provide(hanging))).toBe(lost)
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

  it.effect("logs in before it builds, pushes, and has servers pull by digest with the same credentials", () =>
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
        `pull docker ${name}@${made(`${name}:abc1234`)} ${name}:abc1234 true no yes ghcr.io Me`,
        // Nobody else's registry gets to see them.
        "pull docker redis:7 '' true no yes '' ''"
      ])
      expect(all.filter((line) => /serve|forward|import/.test(line))).toEqual([])
      expect(JSON.stringify(entries)).not.toContain("hunter22")
      const passwords = entries.flatMap((entry) =>
        entry._tag === "Command" ? Object.values(entry.command.env ?? {}) : []
      )
      const secret = passwords.flatMap((value) => (Redacted.isRedacted(value) ? [Redacted.value(value)] : []))
      // The check, the push, and the two pulls from that registry.
      expect(secret).toEqual(Array.from({ length: 4 }, () => "hunter22"))
    })
  )

  it.effect("touches nothing where a secret is missing", () =>
    Effect.gen(function* () {
      const { all, exit } = yield* rehearse(remote)
      expect(errors(exit)).toMatchObject([{ _tag: "SecretsMissing" }])
      expect(all).toEqual([])
    })
  )

  it.effect("goes on as a stranger where no credentials are configured", () =>
    Effect.gen(function* () {
      const registry = { type: "remote", server: "registry.example.com" } as const
      const { on } = yield* rehearse({ ...remote, registry })
      expect(on("local").some((line) => line.includes("check"))).toBe(false)
      expect(on("web1").filter((line) => line.endsWith("Me"))).toEqual([])
    })
  )
})

describe("a deploy of what runs already", () => {
  const name = "localhost:9270/shop-web"
  const id = made(`${name}:abc1234`)
  const web = service("web", ["web1"])

  const container = (labels: Readonly<Record<string, string>>, Running = true, Name = "/shop-web") => ({
    Id: "c0ffee",
    Name,
    Image: "sha256:i1",
    State: { Running },
    Config: { Labels: { "jiji.project": "shop", "jiji.service": "web", "jiji.version": "v0", ...labels } }
  })
  const same = { "jiji.digest": id, "jiji.config": configHash(web, new Map()) }
  const finds =
    (...containers: ReadonlyArray<unknown>): Instead =>
    (_, command) =>
      command.script === "probe" ? said(`docker 20.10 x86_64\n${JSON.stringify(containers)}`) : undefined

  it.effect("changes nothing on the server, and says so", () =>
    Effect.gen(function* () {
      const { events, exit, on } = yield* rehearse(project(), { instead: finds(container(same)) })
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(on("web1")).toEqual(["connect", "probe docker shop"])
      const skipped = events.flatMap((event) =>
        event._tag === "StepSkipped" ? [`${event.path.split("/").at(-1)}: ${event.reason}`] : []
      )
      expect(skipped).toEqual([
        "secrets: none is used",
        "login: the registry is local",
        "tunnel: nothing is pulled through it",
        "pull: it runs there already",
        "deploy: it runs there already"
      ])
      const result = events.find((event) => event._tag === "StepSkipped" && event.path.endsWith("/deploy"))
      expect(result).toMatchObject({
        result: { deployed: { server: "web1", service: "web", outcome: "unchanged", digest: id, container: "c0ffee" } }
      })
    })
  )

  it.effect("warns of containers that deploy.yml does not put there, where all of it is deployed", () =>
    Effect.gen(function* () {
      const stray = (name: string, running = true) => ({
        ...container({ "jiji.service": name }, running, `/shop-${name}`)
      })
      const services = [web, service("api", ["web2"])]
      const of = project({ services, servers: [server("web1"), server("web2")] })
      const found = finds(container(same), stray("old"), stray("api"), stray("ended", false))
      const instead: Instead = (machine, command) => (label(machine) === "web1" ? found(machine, command) : undefined)
      const warnings = Effect.fnUntraced(function* (whole: boolean) {
        const { events } = yield* rehearse(of, { instead, whole })
        return events.flatMap((event) => (event._tag === "StepNoted" && event.level === "warning" ? [event.text] : []))
      })
      const says = (name: string) =>
        `also runs ${name}, which deploy.yml does not put there; \`docker rm --force ${name}\` removes it`
      expect(yield* warnings(true)).toEqual([says("shop-old"), says("shop-api")])
      expect(yield* warnings(false)).toEqual([])
    })
  )

  it.effect("replaces it where anything about it is different", () =>
    Effect.gen(function* () {
      const others = [
        [container({ ...same, "jiji.digest": made("other") })],
        [container({ ...same, "jiji.config": "other" })],
        [container(same, false)],
        [container(same, true, "/shop-web-next")],
        [container(same), container(same, true, "/shop-web-next")]
      ]
      for (const containers of others) {
        const { events, on } = yield* rehearse(project(), { instead: finds(...containers) })
        expect(head(on("web1").at(-1))).toBe("replace docker shop-web shop")
        const done = events.find((event) => event._tag === "StepSucceeded" && event.path.endsWith("/deploy"))
        expect(done).toMatchObject({ result: { deployed: { outcome: "replaced" } } })
      }
    })
  )

  it.effect("believes the server that it was done meanwhile", () =>
    Effect.gen(function* () {
      const { events } = yield* rehearse(project(), {
        instead: (_, command) => (command.script === "replace" ? said("unchanged c0ffee\n") : undefined)
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
    (name: string, script: string, output: string): Instead =>
    (machine, command) =>
      label(machine) === name && command.script === script ? failed(output) : undefined

  it.effect("on one server, is finished on the others", () =>
    Effect.gen(function* () {
      const { events, exit, on } = yield* rehearse(two, { instead: at("web1", "pull", "manifest unknown") })
      expect(errors(exit)).toMatchObject([{ _tag: "ImageNotFound", machine: "web1" }])
      expect(on("web1").some((line) => line.startsWith("replace"))).toBe(false)
      expect(on("web2").some((line) => line.startsWith("replace"))).toBe(true)
      expect(events.at(-1)).toMatchObject({ _tag: "RunFailed", failures: [{ tag: "ImageNotFound" }] })
    })
  )

  it.effect("while it builds, changes nothing on any server", () =>
    Effect.gen(function* () {
      const { all, exit } = yield* rehearse(two, {
        instead: (_, { words }) => (words[1] === "build" ? failed("no such file\n") : undefined)
      })
      expect(errors(exit)).toMatchObject([{ _tag: "BuildFailed", service: "web" }])
      expect(all.filter((line) => /pull|replace|serve|forward/.test(line))).toEqual([])
    })
  )

  it.effect("pulls no image that the server's processor cannot run", () =>
    Effect.gen(function* () {
      const unsaid = project({ servers: [server("web1"), server("pi", { arch: "arm64" })] })
      const { arch: _, ...web1 } = server("web1")
      const { exit, on } = yield* rehearse(
        { ...unsaid, servers: [web1], services: [service("web", ["web1"])] },
        {
          instead: (_, { script, words }) =>
            script === "probe"
              ? said("docker 20.10 aarch64\n[]")
              : words[1] === "image"
                ? said('[{"Id":"sha256:i1","Architecture":"amd64","Size":1,"RepoDigests":null}]')
                : undefined
        }
      )
      expect(errors(exit)).toMatchObject([{ _tag: "ArchitectureMismatch", image: "amd64", needed: "arm64" }])
      expect(on("web1").some((line) => line.startsWith("pull"))).toBe(false)
    })
  )

  it.effect("builds no image for servers of different kinds", () =>
    Effect.gen(function* () {
      const mixed = project({ ...two, servers: [server("web1"), server("web2", { arch: "arm64" })] })
      const { exit } = yield* rehearse(mixed)
      expect(errors(exit)).toMatchObject([{ _tag: "ArchitecturesDiffer", exitCode: 78 }])
      expect((errors(exit)[0] as Error).message).toBe(
        "web runs on servers with different architectures: web1 (amd64), web2 (arm64)."
      )
    })
  )

  it.effect("takes no version that cannot be a tag", () =>
    Effect.gen(function* () {
      const { all, exit } = yield* rehearse(project(), { wanted: "v1/beta" })
      expect(errors(exit)).toMatchObject([{ _tag: "ImageNameInvalid", part: "tag" }])
      expect(all).toEqual([])
    })
  )
})

describe("how a container is replaced", () => {
  const how = (overrides: Parameters<typeof service>[2]) =>
    Effect.map(
      rehearse(project({ services: [service("web", ["web1"], overrides)] })),
      ({ on }) => on("web1").at(-1)?.split(" ")[6]
    )

  it.effect("is as gentle as its ports and its data allow", () =>
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
        how
      )
      expect(found).toEqual(["beside", "beside", "trial", "beside", "stop", "stop", "trial"])
    })
  )
})
