import { describe, expect } from "bun:test"
import { Cause, Context, Duration, Effect, Exit, Fiber, Layer, Redacted, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { BuildSource, Server } from "../../../src/config/Project.ts"
import type { Command, Output } from "../../../src/layers/processes/Command.ts"
import { Docker, type PullOptions, type ReplaceOptions } from "../../../src/layers/docker/Docker.ts"
import { label, local } from "../../../src/layers/shell/Machine.ts"
import { Shell } from "../../../src/layers/shell/Shell.ts"
import { ConnectionLost } from "../../../src/layers/ssh/SshError.ts"
import { Events } from "../../../src/core/Events.ts"
import { Scrubber } from "../../../src/core/Scrubber.ts"
import * as Answer from "../../../src/testing/Answer.ts"
import * as Recording from "../../../src/rehearsal/layers.ts"
import { it } from "../../support/effect.ts"

const server: Server = {
  name: "web1",
  host: "203.0.113.10",
  keys: [],
  hostKeys: "strict",
  knownHosts: "/known_hosts",
  connectTimeout: Duration.seconds(5)
}
const digest = `sha256:${"d1".repeat(32)}`
const image = JSON.stringify([
  { Id: "sha256:i1", Architecture: "amd64", Size: 5, RepoDigests: [`ghcr.io/me/web@${digest}`] }
])

/** Docker over a shell that answers one thing after another; and what it was asked to run. */
const scripted = <A, E>(
  answers: ReadonlyArray<Partial<Output>>,
  body: (docker: Docker["Service"]) => Effect.Effect<A, E>
) => {
  const rest = [...answers]
  const answer = (): Output => ({ stdout: "", stderr: "", exitCode: 0, ...rest.shift() })
  return Effect.gen(function* () {
    const result = yield* body(yield* Docker)
    const { entries } = yield* Recording.Recording
    const commands = entries.flatMap((entry) => (entry._tag === "Command" ? [entry] : []))
    return { result, commands, lines: commands.map(({ command, machine }) => `${label(machine)}: ${shown(command)}`) }
  }).pipe(
    Effect.provide(
      Docker.layer.pipe(
        Layer.provideMerge(Recording.layer([Answer.from(answer)])),
        Layer.provide(Events.layer),
        Layer.provide(Scrubber.layer)
      )
    )
  )
}

/** A script is shown by its name. */
const shown = ({ script, words }: Command): string =>
  (script === undefined ? words : [script, ...words.slice(4)]).map((word) => (word === "" ? "''" : word)).join(" ")

const source: BuildSource = { _tag: "Build", context: "/app", dockerfile: "/app/Dockerfile", args: {} }
/** `ghcr.io/me/web:v1` */
const named = { registry: "ghcr.io", path: "me/web", tag: "v1" }

const buildOptions = { engine: "docker", service: "web", source, reference: { path: "a", tag: "1" } } as const

describe("probing a server", () => {
  const probe = (answer: Partial<Output>) => scripted([answer], (docker) => docker.probe(server, "docker", "shop"))

  it.effect("returns its engine, and its processor under the name that images use", () =>
    Effect.gen(function* () {
      const { lines, result } = yield* probe({ stdout: "docker 20.10.24 x86_64\n[]\n" })
      expect(result).toEqual({ name: "docker", version: "20.10.24", architecture: "amd64", containers: [] })
      expect(lines).toEqual(["web1: probe engine=docker project=shop"])
      const names = ["aarch64", "armv7l", "i686", "riscv64"]
      const found = yield* Effect.forEach(names, (name) => probe({ stdout: `podman 4.3.1 ${name}\n[]\n` }))
      expect(found.map(({ result }) => `${result.name} ${result.architecture}`)).toEqual([
        "podman arm64",
        "podman arm",
        "podman 386",
        "podman riscv64"
      ])
    })
  )

  it.effect("fails with the engine's error", () =>
    Effect.gen(function* () {
      const missing = yield* Effect.flip(probe({ exitCode: 127, stderr: "docker: not found\n" }))
      expect(missing).toMatchObject({ _tag: "EngineMissing", machine: "web1", engine: "docker" })
      const down = yield* Effect.flip(probe({ exitCode: 1, stderr: "Is the docker daemon running?\n" }))
      expect(down._tag).toBe("EngineDown")
    })
  )

  it.effect("fails when it does not understand the output", () =>
    Effect.gen(function* () {
      for (const stdout of ["", "docker 20 x86_64", "docker 20 x86_64\n", "docker 20 x86_64\n{}"]) {
        const error = yield* Effect.flip(probe({ stdout }))
        expect(error).toMatchObject({ _tag: "EngineUnclear", machine: "web1", operation: "list containers" })
      }
    })
  )
})

describe("building an image", () => {
  const build = (...answers: ReadonlyArray<Partial<Output>>) =>
    scripted(answers, (docker) => docker.build(buildOptions))

  it.effect("returns the image that was built", () =>
    Effect.gen(function* () {
      const { commands, lines, result } = yield* build({}, { stdout: image })
      expect(lines).toEqual([
        "local: docker build --file /app/Dockerfile --tag a:1 /app",
        "local: docker image inspect a:1"
      ])
      expect(commands[0]?.command.show).toBe("all")
      expect(result).toMatchObject({ id: "sha256:i1", architecture: "amd64" })
    })
  )

  it.effect("fails with the last lines of the build", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(build({ exitCode: 2, stdout: "Step 1/2\n", stderr: "no such file\n" }))
      expect(error.message).toBe("The image of web failed to build (exit code 2):\nStep 1/2\nno such file")
    })
  )

  it.effect("does not mistake the output of the Dockerfile's commands for an engine error", () =>
    Effect.gen(function* () {
      const outputs: ReadonlyArray<Partial<Output>> = [
        { exitCode: 127, stderr: "/bin/sh: frobnicate: not found\n" },
        { exitCode: 1, stderr: "curl: (7) Failed to connect to example.com port 80: Connection refused\n" },
        { exitCode: 1, stderr: "npm ERR! 401 Unauthorized\n" }
      ]
      for (const output of outputs) expect((yield* Effect.flip(build(output)))._tag).toBe("BuildFailed")
    })
  )

  it.effect("recognizes errors of the engine itself", () =>
    Effect.gen(function* () {
      const outputs = [
        ["EngineDown", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock."],
        ["DiskFull", "write /var/lib/docker: no space left on device"]
      ] as const
      for (const [tag, stderr] of outputs) {
        expect((yield* Effect.flip(build({ exitCode: 1, stderr })))._tag).toBe(tag)
      }
    })
  )

  it.effect("fails when the engine describes no image", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(build({}, { stdout: "[]" }))).toMatchObject({
        _tag: "EngineUnclear",
        machine: "local",
        operation: "inspect a:1"
      })
    })
  )
})

it.effect("logging in passes the password through stdin only", () =>
  Effect.gen(function* () {
    const credentials = { server: "ghcr.io", username: "me", password: Redacted.make("hunter22") }
    const { commands, lines } = yield* scripted([], (docker) => docker.login(local, "docker", credentials))
    expect(lines).toEqual(["local: docker login --username me --password-stdin ghcr.io"])
    const stdin = commands[0]?.command.stdin
    expect(Redacted.isRedacted(stdin) && Redacted.value(stdin)).toBe("hunter22")
    const refused = yield* Effect.flip(
      scripted([{ exitCode: 1, stderr: "denied: denied\n" }], (docker) => docker.login(local, "docker", credentials))
    )
    expect(refused).toMatchObject({ _tag: "RegistryRefused", reference: "ghcr.io", exitCode: 77 })
  })
)

it.effect("saving an image streams the engine's output", () =>
  Effect.gen(function* () {
    const { lines, result } = yield* scripted([{ stdout: "tar" }], (docker) =>
      Stream.mkUint8Array(docker.save("podman", { path: "a", tag: "1" }))
    )
    expect(lines).toEqual(["local: podman save a:1"])
    expect(Buffer.from(result).toString()).toBe("tar")
  })
)

describe("pushing an image", () => {
  const push = (engine: "docker" | "podman", ...answers: ReadonlyArray<Partial<Output>>) =>
    scripted(answers, (docker) => docker.push({ engine, reference: named }))

  it.effect("returns the digest that docker prints", () =>
    Effect.gen(function* () {
      const { lines, result } = yield* push("docker", { stdout: `Pushed\nv1: digest: ${digest} size: 527\n` })
      expect(lines).toEqual(["local: push engine=docker image=ghcr.io/me/web:v1"])
      expect(result).toBe(digest)
    })
  )

  it.effect("returns the digest that podman writes to a file, not the one it lists locally", () =>
    Effect.gen(function* () {
      const { lines, result } = yield* push("podman", { stdout: digest })
      expect(lines).toEqual(["local: push engine=podman image=ghcr.io/me/web:v1"])
      expect(result).toBe(digest)
    })
  )

  it.effect("asks for the digest when none is printed, and fails when there is none", () =>
    Effect.gen(function* () {
      expect((yield* push("docker", {}, { stdout: image })).result).toBe(digest)
      const other = image.replace("ghcr.io/me/web@", "ghcr.io/me/web2@")
      expect((yield* Effect.flip(push("docker", {}, { stdout: other })))._tag).toBe("EngineUnclear")
    })
  )

  it.effect("fails with the registry's error", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(push("docker", { exitCode: 1, stderr: "denied: no\n" }))
      expect(error).toMatchObject({ _tag: "RegistryRefused", reference: "ghcr.io/me/web:v1" })
    })
  )
})

describe("pulling an image", () => {
  const reference = { registry: "ghcr.io", path: "me/web", digest: "sha256:d1" }
  const options = { engine: "docker", reference, verify: true, drop: false } as const

  it.effect("passes how to pull the image and how to name it", () =>
    Effect.gen(function* () {
      const { commands, lines, result } = yield* scripted([{ stdout: image }], (docker) =>
        docker.pull(server, { ...options, name: named })
      )
      expect(lines).toEqual([
        "web1: pull engine=docker from=ghcr.io/me/web@sha256:d1 name=ghcr.io/me/web:v1 verify=yes progress=yes"
      ])
      expect(commands[0]?.command.env).toEqual({})
      expect(result).toMatchObject({ id: "sha256:i1", digest })
    })
  )

  it.effect("takes the digest that the image has in its own repository", () =>
    Effect.gen(function* () {
      const own = `sha256:${"b".repeat(64)}`
      const pull = (path: string, ...repoDigests: ReadonlyArray<string>) => {
        const stdout = JSON.stringify([{ Id: "sha256:i1", Architecture: "amd64", Size: 1, RepoDigests: repoDigests }])
        const reference = { path, tag: "7" }
        return Effect.map(
          scripted([{ stdout }], (docker) => docker.pull(server, { ...options, reference })),
          ({ result }) => result.digest
        )
      }
      expect(yield* pull("redis", `ghcr.io/mirror/redis@${digest}`, `redis@${own}`)).toBe(own)
      expect(yield* pull("redis", `ghcr.io/redis@${digest}`, `docker.io/library/redis@${own}`)).toBe(own)
      // Podman may find a short name in a registry of its configuration.
      expect(yield* pull("redis", `quay.io/redis@${own}`)).toBe(own)
      expect(yield* pull("redis")).toBe("sha256:i1")
    })
  )

  it.effect("passes the password through the environment only", () =>
    Effect.gen(function* () {
      const credentials = { server: "ghcr.io", username: "me", password: Redacted.make("hunter22") }
      const { commands, lines } = yield* scripted([{ stdout: image }], (docker) =>
        docker.pull(server, { ...options, engine: "podman", verify: false, drop: true, credentials })
      )
      expect(lines).toEqual([
        "web1: pull engine=podman from=ghcr.io/me/web@sha256:d1 drop=yes progress=yes registry=ghcr.io user=me"
      ])
      expect(JSON.stringify(commands)).not.toContain("hunter22")
      const password = commands[0]?.command.env?.["JIJI_PASSWORD"]
      expect(Redacted.isRedacted(password) && Redacted.value(password)).toBe("hunter22")
    })
  )

  it.effect("fails with the engine's error, and when the engine describes no image", () =>
    Effect.gen(function* () {
      const pull = (answer: Partial<Output>) =>
        Effect.flip(scripted([answer], (docker) => docker.pull(server, options)))
      const refused = yield* pull({ exitCode: 1, stderr: "dial tcp 127.0.0.1:9270: connect: connection refused" })
      expect(refused).toMatchObject({
        _tag: "RegistryUnreachable",
        machine: "web1",
        reference: "ghcr.io/me/web@sha256:d1"
      })
      expect((yield* pull({ stdout: "" }))._tag).toBe("EngineUnclear")
    })
  )
})

describe("pulling an image through a tunnel", () => {
  const reference = { registry: "localhost:9270", path: "shop-web", digest }
  const options = { engine: "docker", reference, verify: true, drop: false } as const

  /** Pulls over a shell whose pull takes 2 seconds, or forever, and collects the progress that is published. */
  const pulling = (tunnel: NonNullable<PullOptions["tunnel"]>, pull: Effect.Effect<Output>) =>
    Effect.gen(function* () {
      const seen: Array<readonly [label: string, bytes: number, total: number | undefined]> = []
      const stream = yield* (yield* Events).subscribe
      yield* Effect.forkScoped(
        Stream.runForEach(stream, (event) =>
          Effect.sync(() => {
            if (event._tag === "StepProgress") seen.push([event.label, event.bytes, event.total])
          })
        ),
        { startImmediately: true }
      )
      const shell = Layer.mock(Shell, { run: () => pull })
      const docker = Context.get(yield* Layer.build(Docker.layer.pipe(Layer.provide(shell))), Docker)
      const fiber = yield* Effect.forkChild(docker.pull(server, { ...options, tunnel }), { startImmediately: true })
      for (let times = 0; times < 30; times++) yield* TestClock.adjust("100 millis")
      const exit = yield* Fiber.await(fiber)
      return { exit, seen: yield* Effect.as(Effect.yieldNow, seen) }
    }).pipe(Effect.provide(Events.layer.pipe(Layer.provide(Scrubber.layer))))

  const output = { stdout: image, stderr: "", exitCode: 0 }

  it.effect("publishes what went through the tunnel since the pull began", () =>
    Effect.gen(function* () {
      let bytes = 500
      const pull = Effect.gen(function* () {
        for (let second = 0; second < 2; second++) {
          yield* Effect.sleep("1 second")
          bytes += 1000
        }
        return output
      })
      const carried = Effect.sync(() => bytes)
      const known = yield* pulling({ carried, lost: Effect.never, expectedBytes: 4000 }, pull)
      expect(known.seen).toEqual([
        ["through the tunnel", 1000, 4000],
        ["through the tunnel", 2000, 4000]
      ])
      const unknown = yield* pulling({ carried, lost: Effect.never }, pull)
      expect(unknown.seen.at(-1)).toEqual(["through the tunnel", 2000, undefined])
    })
  )

  it.effect("fails as soon as the tunnel is lost, however long the engine would wait", () =>
    Effect.gen(function* () {
      const lost = new ConnectionLost({ server: "web1", cause: new Error("reset") })
      const { exit } = yield* pulling({ carried: Effect.succeed(0), lost: Effect.fail(lost) }, Effect.never)
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBe(lost)
    })
  )
})

describe("replacing a container", () => {
  const options: ReplaceOptions = {
    engine: "docker",
    project: "shop",
    name: "shop-web",
    service: "web",
    digest: "sha256:d1",
    configuration: { hash: Redacted.make("c1"), parts: Redacted.make("{}") },
    strategy: "trial",
    runningFor: Duration.millis(500),
    timeout: Duration.millis(1500),
    imageId: "sha256:i1",
    replaces: true,
    container: {
      image: "ghcr.io/me/web:v1",
      labels: { "jiji.project": "shop" },
      ports: ["80:80"],
      volumes: [],
      environment: { LOG: "info" },
      command: ["serve"]
    },
    secrets: new Map([
      ["TOKEN", Redacted.make("hunter22")],
      ["KEY", Redacted.make("line 1\nline 2")]
    ])
  }
  const replace = (answer: Partial<Output>) => scripted([answer], (docker) => docker.replace(server, options))

  it.effect("passes all settings, and secrets through the environment only", () =>
    Effect.gen(function* () {
      const { commands, lines } = yield* replace({ stdout: "started c0ffee\n" })
      expect(lines).toEqual([
        "web1: replace engine=docker name=shop-web project=shop service=web digest=sha256:d1 strategy=trial " +
          "settle=0.5 limit=2 image=ghcr.io/me/web:v1 id=sha256:i1 exclusive=2 " +
          "-- --publish 80:80 --pull never --label jiji.project=shop --env LOG=info " +
          "--env TOKEN --env KEY ghcr.io/me/web:v1 serve"
      ])
      const env = commands[0]?.command.env ?? {}
      expect(env["JIJI_NAMES"]).toBe("TOKEN KEY")
      const values = ["JIJI_CONFIG", "JIJI_PARTS", "JIJI_SECRET_0", "JIJI_SECRET_1"].map((name) => env[name])
      expect(values.map((value) => Redacted.isRedacted(value) && Redacted.value(value))).toEqual([
        "c1",
        "{}",
        "hunter22",
        "line 1\nline 2"
      ])
    })
  )

  it.effect("returns what was done", () =>
    Effect.gen(function* () {
      expect((yield* replace({ stdout: "started c0ffee\n" })).result).toEqual({ outcome: "started", id: "c0ffee" })
      expect((yield* replace({ stdout: "unchanged c0ffee\n" })).result).toEqual({ outcome: "unchanged", id: "c0ffee" })
    })
  )

  it.effect("fails with the last lines of an unhealthy container", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        replace({ exitCode: 10, stdout: "unhealthy stopped with exit code 3\nno database\nbye\n" })
      )
      expect(error.message).toBe(
        "The new container of web on web1 stopped with exit code 3; the old one keeps running. Last log lines:\nno database\nbye"
      )
    })
  )

  it.effect("fails when the container belongs to someone else", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(replace({ exitCode: 11, stdout: "foreign shop-web\n" }))
      expect(error).toMatchObject({ _tag: "ContainerForeign", name: "shop-web" })
    })
  )

  it.effect("recognizes a port in use from both engines' messages", () =>
    Effect.gen(function* () {
      const words = [
        "Error response from daemon: driver failed programming external connectivity on endpoint shop-web-next (ab12): Bind for 0.0.0.0:8080 failed: port is already allocated",
        "Error response from daemon: driver failed programming external connectivity on endpoint shop-web-next (ab12): Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use",
        "Error: cannot listen on the TCP port: listen tcp4 :8080: bind: address already in use"
      ]
      for (const stderr of words) {
        const said = `WARNING: IPv4 forwarding is disabled.\n${stderr}\nshop-web-next\n`
        expect(yield* Effect.flip(replace({ exitCode: 1, stderr: said }))).toMatchObject({
          _tag: "PortTaken",
          detail: stderr
        })
      }
    })
  )

  it.effect("fails with any other error of the engine, even after it reported success", () =>
    Effect.gen(function* () {
      const outputs: ReadonlyArray<Partial<Output>> = [
        { exitCode: 1, stderr: "Error: no\n" },
        { exitCode: 143 },
        { exitCode: 1, stdout: "started c0ffee\n" },
        { exitCode: 0, stdout: "" }
      ]
      for (const output of outputs) {
        expect(yield* Effect.flip(replace(output))).toMatchObject({
          _tag: "EngineFailed",
          operation: "replace the container of web"
        })
      }
      expect((yield* Effect.flip(replace({ exitCode: 127, stderr: "docker: not found" })))._tag).toBe("EngineMissing")
    })
  )
})
