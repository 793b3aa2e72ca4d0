import { describe, expect } from "bun:test"
import { Effect, Struct } from "effect"
import { decodeContainers, decodeImage } from "../../../src/layers/docker/inspect.ts"
import { it } from "../../support/effect.ts"

const id = "a2f6ac4c61f726b25adf22edd57de287ace179f7bc075152a8fa10036a96601c"

// Cut down to a few of the keys that jiji does not read, as each engine prints them.
const dockerImage = {
  Id: `sha256:${id}`,
  RepoTags: ["localhost:9270/shop-web:v1"],
  RepoDigests: ["localhost:9270/shop-web@sha256:d1"],
  Config: { Labels: null, Healthcheck: { Test: ["CMD", "true"] } },
  Architecture: "amd64",
  Os: "linux",
  Size: 1987143,
  VirtualSize: 1987143
}
const podmanImage = {
  Id: id,
  Digest: "sha256:bcfb",
  RepoDigests: ["localhost/shop-web@sha256:bcfb"],
  Architecture: "arm64",
  Size: 1987143,
  Labels: { "io.buildah.version": "1.28.2" },
  HealthCheck: { Test: ["CMD", "true"] }
}

const labels = {
  "jiji.project": "shop",
  "jiji.service": "web",
  "jiji.version": "v1",
  "jiji.digest": "sha256:d1",
  "jiji.config": "c1"
}
const dockerContainer = {
  Id: "c0ffee",
  State: { Status: "running", Running: true, Paused: false, ExitCode: 0 },
  Image: `sha256:${id}`,
  Name: "/shop-web",
  RestartCount: 0,
  Config: { Hostname: "c0ffee", Labels: labels }
}
const podmanContainer = {
  Id: "c0ffee",
  State: {
    OciVersion: "1.0.2-dev",
    Status: "running",
    Running: true,
    Health: { Status: "", FailingStreak: 0, Log: null }
  },
  Image: id,
  ImageName: "localhost:9270/shop-web:v1",
  Name: "shop-web",
  Config: { Labels: labels }
}

describe("an image", () => {
  it.effect("reads the same from docker and podman", () =>
    Effect.gen(function* () {
      expect(yield* decodeImage(JSON.stringify([dockerImage]))).toEqual({
        id: `sha256:${id}`,
        architecture: "amd64",
        size: 1987143,
        repoDigests: ["localhost:9270/shop-web@sha256:d1"]
      })
      expect(yield* decodeImage(JSON.stringify([podmanImage]))).toMatchObject({
        id: `sha256:${id}`,
        architecture: "arm64"
      })
    })
  )

  it.effect("has no digests unless it came from a registry", () =>
    Effect.gen(function* () {
      const { RepoDigests: _, ...without } = dockerImage
      for (const image of [{ ...dockerImage, RepoDigests: null }, { ...dockerImage, RepoDigests: [] }, without]) {
        expect((yield* decodeImage(JSON.stringify([image]))).repoDigests).toEqual([])
      }
    })
  )

  it.effect("fails for a missing image", () =>
    Effect.gen(function* () {
      for (const text of [
        "",
        "[]",
        "{}",
        "null",
        "<html>",
        '[{"Id": 5}]',
        JSON.stringify([{ ...dockerImage, Size: "1" }])
      ]) {
        expect((yield* Effect.flip(decodeImage(text)))._tag).toBe("SchemaError")
      }
    })
  )
})

describe("containers", () => {
  it.effect("read the same from docker and podman", () =>
    Effect.gen(function* () {
      const expected = {
        id: "c0ffee",
        name: "shop-web",
        imageId: `sha256:${id}`,
        status: "running",
        running: true,
        healthy: true,
        service: "web",
        digest: "sha256:d1",
        config: "c1",
        parts: "",
        version: "v1"
      }
      const both = yield* decodeContainers(JSON.stringify([dockerContainer, podmanContainer]))
      expect(both.map((each) => Struct.omit(each, ["about"]))).toEqual([expected, expected])
    })
  )

  it.effect("are healthy when they run without a failing health check", () =>
    Effect.gen(function* () {
      const running = { Status: "running", Running: true }
      const states = [
        { ...running, Health: null },
        { ...running, Health: { Status: "healthy" } },
        { ...running, Health: { Status: "none" } },
        // As replace.sh sees it.
        { ...running, Health: { Status: "starting" } },
        { ...running, Health: { Status: "unhealthy" } },
        { Status: "exited", Running: false, Health: { Status: "healthy" } },
        { Status: "exited", Running: false }
      ]
      const all = yield* decodeContainers(JSON.stringify(states.map((State) => ({ ...dockerContainer, State }))))
      expect(all.map(({ healthy }) => healthy)).toEqual([true, true, true, true, false, false, false])
    })
  )

  it.effect("run only in the state that the engine calls running", () =>
    Effect.gen(function* () {
      const states = [
        { Status: "running", Running: true, Paused: false, Restarting: false },
        // Docker.
        { Status: "restarting", Running: true, Restarting: true },
        { Status: "paused", Running: true, Paused: true, Health: { Status: "healthy" } },
        { Status: "created", Running: false },
        { Status: "dead", Running: false, Dead: true },
        // Podman.
        { Status: "paused", Running: false, Paused: true, Health: { Status: "", FailingStreak: 0, Log: null } },
        { Status: "stopping", Running: false },
        { Status: "configured", Running: false }
      ]
      const all = yield* decodeContainers(JSON.stringify(states.map((State) => ({ ...dockerContainer, State }))))
      expect(all.map(({ status }) => status)).toEqual(states.map(({ Status }) => Status))
      expect(all.map(({ running }) => running)).toEqual(states.map((_, index) => index === 0))
      expect(all.map(({ healthy }) => healthy)).toEqual(states.map((_, index) => index === 0))
    })
  )

  it.effect("have the restart policy no if the engine reports none", () =>
    Effect.gen(function* () {
      const policies = ["", "no", "always", "unless-stopped"]
      const text = policies.map((Name) => ({ ...dockerContainer, HostConfig: { RestartPolicy: { Name } } }))
      const all = yield* decodeContainers(JSON.stringify(text))
      expect(all.map(({ restartPolicy }) => restartPolicy)).toEqual(["no", "no", "always", "unless-stopped"])
    })
  )

  it.effect("have no labels that jiji did not write", () =>
    Effect.gen(function* () {
      const hostile = {
        "jiji.service": "web\u0000",
        "jiji.digest": "\u001b[2J\u001b]0;title\u0007",
        "jiji.config": "c".repeat(256),
        "jiji.parts": `{"ports":"${"p".repeat(100_000)}"}`,
        "jiji.version": "<script>alert(1)</script>"
      }
      const [container] = yield* decodeContainers(JSON.stringify([{ ...dockerContainer, Config: { Labels: hostile } }]))
      expect(container).toMatchObject({ service: "", digest: "", config: "", parts: "", version: "" })
    })
  )

  it.effect("belong to nobody without labels", () =>
    Effect.gen(function* () {
      const bare = [null, {}].map((Labels) => ({ ...dockerContainer, Config: { Labels } }))
      for (const container of yield* decodeContainers(JSON.stringify(bare))) {
        expect(container).toMatchObject({ service: "", digest: "", config: "", version: "" })
      }
    })
  )

  it.effect("may be none, but invalid output is an error", () =>
    Effect.gen(function* () {
      expect(yield* decodeContainers("[]\n")).toEqual([])
      for (const text of ["", "[", "{}", '[{"Id": "a"}]']) {
        expect((yield* Effect.flip(decodeContainers(text)))._tag).toBe("SchemaError")
      }
    })
  )
})

describe("what is only shown of a container", () => {
  it.effect("reads the same from docker and podman", () =>
    Effect.gen(function* () {
      const docker = {
        ...dockerContainer,
        Created: "2026-11-29T14:00:00.123456789Z",
        RestartCount: 2,
        State: {
          ...dockerContainer.State,
          StartedAt: "2026-11-29T14:01:00.5Z",
          Health: { Status: "healthy" }
        },
        NetworkSettings: {
          Ports: {
            "80/tcp": [
              { HostIp: "0.0.0.0", HostPort: "8080" },
              { HostIp: "::", HostPort: "8080" }
            ],
            "53/udp": [{ HostIp: "127.0.0.1", HostPort: "53" }],
            "9000/tcp": null
          }
        },
        Config: { Labels: { ...labels, "jiji.run": "mx1-abc", "jiji.by": "ann@laptop" } }
      }
      const podman = {
        ...docker,
        Created: "2026-11-29T15:00:00.123456789+01:00",
        NetworkSettings: {
          Ports: {
            "80/tcp": [{ HostIp: "", HostPort: "8080" }],
            "53/udp": [{ HostIp: "127.0.0.1", HostPort: "53" }],
            "9000/tcp": null
          }
        }
      }
      const all = yield* decodeContainers(JSON.stringify([docker, podman]))
      for (const { about, by, run } of all) {
        expect({ by, run }).toEqual({ by: "ann@laptop", run: "mx1-abc" })
        expect(about).toEqual({
          created: "2026-11-29T14:00:00.123Z",
          startedAt: "2026-11-29T14:01:00.500Z",
          exitCode: 0,
          restarts: 2,
          health: "healthy",
          ports: ["8080:80", "127.0.0.1:53:53/udp"]
        })
      }
    })
  )

  it.effect("is absent where the engine says nothing, or never", () =>
    Effect.gen(function* () {
      const never = { ...dockerContainer.State, StartedAt: "0001-01-01T00:00:00Z", Health: { Status: "none" } }
      const Config = { Labels: { ...labels, "jiji.by": "\u001b[2J" } }
      const [found] = yield* decodeContainers(JSON.stringify([{ ...dockerContainer, State: never, Config }]))
      expect(found?.about).toEqual({ exitCode: 0, restarts: 0, ports: [] })
      expect(found?.by).toBeUndefined()
    })
  )
})
