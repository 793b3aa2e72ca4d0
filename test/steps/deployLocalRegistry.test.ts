import { describe, expect } from "bun:test"
import { Effect, Exit, Layer, Redacted } from "effect"
import { Docker, type PullOptions } from "../../src/layers/docker/Docker.ts"
import type { InspectedContainer } from "../../src/layers/docker/inspect.ts"

import { ConnectionLost } from "../../src/layers/ssh/SshError.ts"
import { configurationOf } from "../../src/steps/configuration.ts"
import * as Plan from "../../src/steps/Plan.ts"
import * as Pull from "../../src/steps/Pull.ts"
import * as Answer from "../../src/testing/Answer.ts"
import { it } from "../support/effect.ts"
import { image, project, rehearse, server, service } from "./rehearsal.ts"
import { fakeDigest } from "./deploys.ts"

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

describe("a deploy with the local registry", () => {
  it.effect("builds, imports and serves images locally, and tunnels, pulls and replaces on the server", () =>
    Effect.gen(function* () {
      const { entries, exit, on } = yield* rehearse(project())
      expect(Exit.isSuccess(exit)).toBe(true)
      const name = "localhost:9270/shop-web"
      const id = fakeDigest(`${name}:abc1234`)
      expect(on("local")).toEqual([
        "version folder=/srv",
        `docker build --file /srv/web/Dockerfile --tag ${name}:abc1234 --platform linux/amd64 /srv/web`,
        `docker image inspect ${name}:abc1234`,
        `docker save ${name}:abc1234`,
        "import shop-web:abc1234",
        "serve 9270"
      ])
      const there = fakeDigest(`${name}@${id}`)
      expect(on("web1")).toEqual([
        "connect",
        "probe engine=docker project=shop",
        "network engine=docker project=shop name=jiji-shop",
        "forward 9270",
        `pull engine=docker from=${name}@${id} name=${name}:abc1234 verify=yes`,
        `replace engine=docker name=shop-web project=shop service=web digest=${id} strategy=beside settle=1 limit=60 ` +
          `image=${name}:abc1234 id=${there} exclusive=6 ` +
          "-- --network-alias web --ip 172.30.107.215 --label jiji.address=172.30.107.215 " +
          "--network jiji-shop --pull never --label jiji.project=shop --label jiji.service=web " +
          `--label jiji.version=abc1234 --label jiji.digest=${id} ${name}:abc1234`,
        expect.stringMatching(
          new RegExp(`^kept engine=docker project=shop doing=add name=shop-web\\.[0-9a-f]{12} image=${there}$`)
        ),
        `tidy engine=docker repository=${name} retain=3`
      ])
      // Hashes of the configuration include secrets, so they are on no command line.
      const { hash, parts } = configurationOf(service("web", []), new Map())
      const labels = entries.flatMap((entry) =>
        entry._tag === "Command" && entry.command.script === "replace"
          ? [entry.command.env?.["JIJI_CONFIG"], entry.command.env?.["JIJI_PARTS"]]
          : []
      )
      expect(labels.map((value) => Redacted.isRedacted(value) && Redacted.value(value))).toEqual([hash, parts])
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
          .map((line) => /from=([^ @]+)/.exec(line)?.[1])
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
        "web1: probe engine=docker",
        "web1: network engine=docker",
        "web1: pull engine=docker",
        "web1: replace engine=docker",
        "web1: kept engine=docker"
      ])
    })
  )

  it.effect("turns off TLS only for podman, and only for pulls through the tunnel", () =>
    Effect.gen(function* () {
      const services = [service("web", ["web1"]), service("cache", ["web1"], { source: image("redis:7") })]
      const { on } = yield* rehearse(project({ engine: "podman", services }))
      const pulls = on("web1").filter((line) => line.startsWith("pull"))
      expect(pulls.map((line) => line.replace(/@\S+/, "")).sort()).toEqual([
        "pull engine=podman from=localhost:9270/shop-web name=localhost:9270/shop-web:abc1234",
        "pull engine=podman from=redis:7 verify=yes progress=yes"
      ])
    })
  )

  it.effect("pulls through another port if the usual one is taken, and keeps the image's usual name", () =>
    Effect.gen(function* () {
      const { events, on } = yield* rehearse(project(), { answers: [Answer.portTaken("web1")] })
      const id = fakeDigest("localhost:9270/shop-web:abc1234")
      expect(on("web1")).toContain(
        `pull engine=docker from=localhost:40000/shop-web@${id} name=localhost:9270/shop-web:abc1234 verify=yes drop=yes`
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
