import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { ClientReason } from "../../../../src/layers/docker/clientReasons.ts"
import type { ServerEngine } from "../../../../src/layers/docker/Docker.ts"
import { it } from "../../../support/effect.ts"
import * as FakeApi from "./FakeApi.ts"
import * as OnServer from "./onServer.ts"

const byClient = (apiUnusable: ClientReason): ServerEngine => ({
  name: "docker",
  version: "9.9",
  architecture: "amd64",
  containers: [],
  apiUnusable
})

describe("jiji uses docker's client", () => {
  for (const [what, options, reason, usesApi] of [
    ["if sshd forwards no Unix sockets", { sshd: { AllowStreamLocalForwarding: "no" } }, "forwarding", false],
    ["if sshd forwards nothing", { sshd: { DisableForwarding: "yes" } }, "forwarding", false],
    ["if sshd forwards only those of servers", { sshd: { AllowStreamLocalForwarding: "remote" } }, "forwarding", false],
    ["if sshd forwards only ports of the server", { sshd: { AllowTcpForwarding: "remote" } }, "forwarding", false],
    ["if sshd forwards only to some ports", { sshd: { PermitOpen: "localhost:80" } }, "forwarding", false],
    ["with a docker elsewhere", { env: { DOCKER_HOST: "tcp://203.0.113.9:2375" } }, "host", false],
    ["with a docker behind SSH", { env: { DOCKER_HOST: "ssh://root@203.0.113.9" } }, "host", false],
    ["with a context", { env: { DOCKER_HOST: "", DOCKER_CONTEXT: "other" } }, "context", false],
    ["with a socket that is not there", { env: { DOCKER_HOST: "unix:///nonexistent/docker.sock" } }, "socket", false],
    ["with a file that is no socket", { env: { DOCKER_HOST: "unix:///etc/passwd" } }, "socket", false],
    ["if it pulls only signed images", { env: { DOCKER_CONTENT_TRUST: "1" } }, "trust", false],
    ["if it pulls for another processor", { env: { DOCKER_DEFAULT_PLATFORM: "linux/arm64" } }, "platform", false],
    [
      "if the socket belongs to podman",
      {
        handler: FakeApi.docker({
          version: { ...FakeApi.version, Components: [{ Name: "Podman Engine" }, { Name: "Conmon" }] }
        })
      },
      "podman",
      true
    ]
  ] as const)
    it.live(what, () =>
      Effect.gen(function* () {
        const on = yield* OnServer.make(options)
        expect(yield* OnServer.probe(on)).toEqual(byClient(reason))
        expect(on.api.requests()).toEqual(usesApi ? ["GET /version"] : [])
      })
    )

  it.live("with a context that its configuration names", () =>
    Effect.gen(function* () {
      const on = yield* OnServer.make({ env: { DOCKER_HOST: "" } })
      mkdirSync(join(on.dir, ".docker"))
      writeFileSync(join(on.dir, ".docker/config.json"), '{"currentContext": "rootless"}')
      expect(yield* OnServer.probe(on)).toEqual(byClient("context"))
    })
  )

  it.live("and keeps to it for a pull, also if it used the API before", () =>
    Effect.gen(function* () {
      const on = yield* OnServer.make()
      expect((yield* OnServer.probe(on)).api).toBe("1.41")
      on.api.handle(({ socket }) => socket.end())
      expect(yield* OnServer.probe(on)).toEqual(byClient("answer"))
      on.api.handle(FakeApi.docker())
      const reference = { registry: "ghcr.io", path: "me/web", tag: "v1" }
      // The fake client prints no image.
      const pulling = on.docker.pull(on.server, { engine: "docker", reference, verify: true, drop: false })
      expect((yield* Effect.flip(pulling))._tag).toBe("EngineUnclear")
      expect(on.api.requests()).not.toContain("POST /v1.41/images/create")
    })
  )
})

it.live(
  "uses the API although docker's client could be told to do otherwise, and sshd forwards only what jiji needs",
  () =>
    Effect.gen(function* () {
      const on = yield* OnServer.make({
        env: { DOCKER_CONTENT_TRUST: "0", DOCKER_DEFAULT_PLATFORM: "", DOCKER_CONTEXT: "not used with DOCKER_HOST" },
        sshd: { AllowStreamLocalForwarding: "local", AllowTcpForwarding: "local", PermitListen: "127.0.0.1:9270" }
      })
      expect(yield* OnServer.probe(on)).toMatchObject({ api: "1.41" })
    })
)

it.live("an engine that is down is reported by its client", () =>
  Effect.gen(function* () {
    const on = yield* OnServer.make()
    writeFileSync(join(on.dir, "broken"), "Cannot connect to the Docker daemon. Is the docker daemon running?\n")
    yield* on.api.stop
    for (const leaves of ["no socket", "a socket"]) {
      // Docker leaves its socket behind when it is killed.
      if (leaves === "a socket") {
        yield* on.api.start
        on.api.handle(({ socket }) => socket.destroy())
      }
      const error = yield* Effect.flip(OnServer.probe(on))
      expect({ leaves, tag: error._tag }).toEqual({ leaves, tag: "EngineDown" })
    }
  })
)

/** Runs commands on the server as nobody. Root, as whom the tests may run, may use any socket. */
const asNobody = { ForceCommand: 'setpriv --reuid=65534 --regid=65534 --clear-groups sh -c "$SSH_ORIGINAL_COMMAND"' }

it.live("uses docker's client if the user may not use the socket, and reports what that says", () =>
  Effect.gen(function* () {
    const on = yield* OnServer.make({ sshd: process.getuid?.() === 0 ? asNobody : {} })
    chmodSync(on.api.path, 0)
    // A `docker` that gets its rights in another way, such as with sudo.
    expect(yield* OnServer.probe(on)).toEqual(byClient("permission"))
    const text = "permission denied while trying to connect to the docker API at unix:///var/run/docker.sock"
    writeFileSync(join(on.dir, "broken"), text)
    expect(yield* Effect.flip(OnServer.probe(on))).toMatchObject({ _tag: "EngineForbidden", detail: text })
    expect(on.api.requests()).toEqual([])
  })
)
