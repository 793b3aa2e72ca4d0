import { describe, expect } from "bun:test"
import { Effect, Fiber } from "effect"
import { readdirSync } from "node:fs"
import replaceScript from "../../../src/layers/docker/replace.sh" with { type: "text" }
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { commandLine, descendants } from "../../support/processes.ts"
import { untilEffect } from "../../support/waiting.ts"

interface Options {
  readonly how?: "beside" | "trial" | "stop"
  readonly settle?: string
  readonly limit?: string
  readonly digest?: string
  readonly config?: string
  readonly id?: string
  readonly repository?: string
  readonly retain?: number
  readonly ports?: ReadonlyArray<string>
  readonly words?: ReadonlyArray<string>
  readonly secrets?: Readonly<Record<string, string>>
}

const old = { labels: { project: "shop", service: "web", digest: "sha256:d1", config: "c1" } }
const same = { labels: { ...old.labels, digest: "sha256:d2", config: "c2" } }

for (const shell of ["sh", "busybox sh"]) {
  const start = (engine: FakeEngine.FakeEngine, options: Options = {}) => {
    const { digest = "sha256:d2", config = "c2", ports = [], secrets = {} } = options
    const values = Object.values(secrets).map((value, index) => [`JIJI_SECRET_${index}`, value])
    const labels = { project: "shop", service: "web", digest, config }
    return engine.start(
      shell,
      replaceScript,
      [
        engine.engine,
        "shop-web",
        "shop",
        digest,
        config,
        options.how ?? "beside",
        options.settle ?? "2",
        options.limit ?? "30",
        "shop-web:v2",
        options.id ?? "sha256:new",
        options.repository ?? "",
        String(options.retain ?? 3),
        String(ports.length),
        ...ports,
        ...Object.entries(labels).flatMap(([key, value]) => ["--label", `jiji.${key}=${value}`]),
        ...(options.words ?? ["shop-web:v2"])
      ],
      { JIJI_NAMES: Object.keys(secrets).join(" "), ...Object.fromEntries(values) }
    )
  }
  const run = (engine: FakeEngine.FakeEngine, options?: Options) =>
    Effect.scoped(Effect.flatMap(start(engine, options), ({ ended }) => ended))

  const labels =
    "--label jiji.project=shop --label jiji.service=web --label jiji.digest=sha256:d2 --label jiji.config=c2"

  describe(`replacing a container with ${shell}`, () => {
    it.live("starts the first container under its name", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        const ended = yield* run(engine, { how: "stop", ports: ["--publish", "80:80"] })
        expect(ended).toEqual({ code: 0, stdout: "started shop-web-next-0\n", stderr: "" })
        expect(engine.calls()).toEqual([
          `create --name shop-web-next --publish 80:80 ${labels} shop-web:v2`,
          "start shop-web-next",
          "rename shop-web-next shop-web"
        ])
        expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
        expect(engine.get("naps")).toEndWith("2\n")
      })
    )

    it.live("beside: keeps the old container running until the new one is up", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        expect((yield* run(engine)).code).toBe(0)
        expect(engine.calls()).toEqual([
          `create --name shop-web-next ${labels} shop-web:v2`,
          "start shop-web-next",
          "stop old",
          "rm --force old",
          "rename shop-web-next shop-web"
        ])
        expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
      })
    )

    it.live("trial: tries the new container without ports before the old one releases them", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        expect((yield* run(engine, { how: "trial", ports: ["--publish", "80:80"] })).code).toBe(0)
        expect(engine.calls()).toEqual([
          `create --name shop-web-trial ${labels} shop-web:v2`,
          "start shop-web-trial",
          "rm --force shop-web-trial",
          `create --name shop-web-next --publish 80:80 ${labels} shop-web:v2`,
          "stop old",
          "start shop-web-next",
          "stop old",
          "rm --force old",
          "rename shop-web-next shop-web"
        ])
        expect(engine.containers()).toEqual(["shop-web shop-web-next-1 running"])
        expect(engine.get("naps")).toEndWith("2\n")
      })
    )

    it.live("stop: stops the old container before the new one uses its data", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        expect((yield* run(engine, { how: "stop" })).code).toBe(0)
        expect(engine.calls().slice(1, 3)).toEqual(["stop old", "start shop-web-next"])
        expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
      })
    )

    it.live("waits for the health check to pass", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        engine.set("states", "running 0 starting\nrunning 0 starting\nrunning 0 healthy\n")
        expect((yield* run(engine)).code).toBe(0)
        expect(engine.get("naps")).toEndWith("0.2\n0.2\n")
      })
    )

    it.live("runs podman's health check itself, and tolerates failures at first", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make("podman")
        engine.set("states", "running 0 starting\nrunning 0 unhealthy\nrunning 0 healthy\n")
        expect((yield* run(engine)).code).toBe(0)
        expect(engine.calls().filter((call) => call.startsWith("healthcheck"))).toEqual([
          "healthcheck run shop-web-next",
          "healthcheck run shop-web-next"
        ])
      })
    )

    const whys: ReadonlyArray<readonly [string, string, Options]> = [
      ["running 0 starting\nrunning 0 unhealthy\n", "is unhealthy", {}],
      ["running 0 starting\n", "was not healthy after 0 s", { limit: "0" }],
      ["exited 0 \n", "stopped with exit code 7", {}],
      ["running 0 \nexited 0 \n", "stopped with exit code 7", {}],
      ["running 1 \n", "crashed and was restarted", {}],
      ["restarting 2 \n", "crashed and was restarted", {}],
      ["running 0 \n", "does not use the image that was pulled as shop-web:v2", { id: "sha256:other" }]
    ]
    for (const how of ["beside", "trial", "stop"] as const)
      for (const [states, why, options] of whys)
        it.live(`${how}: keeps the old container when the new one ${why} (${JSON.stringify(states)})`, () =>
          Effect.gen(function* () {
            const engine = yield* FakeEngine.make()
            engine.add("shop-web", "old", old)
            engine.set("states", states)
            const ended = yield* run(engine, { ...options, how })
            expect(ended).toEqual({ code: 10, stdout: `unhealthy ${why}\nits last line\nand an error\n`, stderr: "" })
            expect(engine.containers()).toEqual(["shop-web old running"])
            expect(engine.calls().includes("stop old")).toBe(how === "stop")
          })
        )

    it.live("leaves nothing behind when the first container does not start", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.set("states", "exited 0 \n")
        expect((yield* run(engine)).code).toBe(10)
        expect(engine.containers()).toEqual([])
      })
    )

    for (const how of ["beside", "trial", "stop"] as const)
      for (const operation of ["create", "start", ...(how === "stop" ? ["stop"] : [])])
        it.live(`${how}: keeps the old container when the engine fails to ${operation}`, () =>
          Effect.gen(function* () {
            const engine = yield* FakeEngine.make()
            engine.add("shop-web", "old", old)
            engine.fail(operation, "Error response from daemon: no")
            const ended = yield* run(engine, { how })
            expect(ended).toEqual({ code: 1, stdout: "", stderr: "Error response from daemon: no\n" })
            const running = operation === "start" && how === "stop" ? "exited" : "running"
            // An engine that starts nothing cannot start the old one again either; it is asked to.
            expect(engine.containers()).toEqual([`shop-web old ${running}`])
            if (how === "stop" && operation !== "create") expect(engine.calls().at(-1)).toBe("start old")
          })
        )

    const phases = [
      ["beside", "create"],
      ["beside", "start"],
      ["trial", "create"],
      ["trial", "start"],
      ["stop", "create"],
      ["stop", "stop"],
      ["stop", "start"]
    ] as const
    for (const signal of shell === "sh" ? (["SIGTERM", "SIGHUP"] as const) : (["SIGTERM"] as const))
      for (const [how, operation] of phases)
        it.live(`${how}: keeps the old container running after ${signal} during ${operation}`, () =>
          Effect.gen(function* () {
            const engine = yield* FakeEngine.make()
            engine.add("shop-web", "old", old)
            engine.block(operation)
            const script = yield* start(engine, { how })
            yield* engine.blocked
            yield* script.kill(signal)
            yield* engine.release
            expect((yield* script.ended).code).toBe(143)
            expect(engine.containers()).toEqual(["shop-web old running"])
          })
        )

    it.live("exits immediately while it waits for a container to become healthy", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        engine.set("states", "running 0 starting\n")
        const script = yield* start(engine, { how: "trial" })
        yield* untilEffect(() => engine.get("naps").split("\n").length > 2)
        yield* script.kill()
        expect((yield* script.ended).code).toBe(143)
        expect(engine.containers()).toEqual(["shop-web old running"])
      })
    )

    it.live("ignores signals and finishes cleaning up once the new container serves", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        engine.block("rm")
        const script = yield* start(engine)
        yield* engine.blocked
        yield* script.kill()
        yield* engine.release
        expect(yield* script.ended).toMatchObject({ code: 0, stdout: "started shop-web-next-0\n" })
        expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
      })
    )

    it.live("finishes even if nobody reads its output any more", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        engine.block("create")
        const script = yield* start(engine, { repository: "shop-web" })
        yield* engine.blocked
        yield* script.deafen
        yield* engine.release
        expect((yield* script.ended).code).toBe(0)
        expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
      })
    )

    describe("repairs what an earlier deploy left behind:", () => {
      it.live("a trial container", () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", same)
          engine.add("shop-web-trial", "trial", same)
          expect((yield* run(engine)).stdout).toBe("unchanged old\n")
          expect(engine.containers()).toEqual(["shop-web old running"])
        })
      )

      it.live("a new container beside the running old one", () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", old)
          engine.add("shop-web-next", "next", same)
          expect((yield* run(engine)).stdout).toBe("started shop-web-next-0\n")
          expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
        })
      )

      it.live("a new container that runs alone becomes the one that serves", () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web-next", "next", same)
          expect((yield* run(engine)).stdout).toBe("unchanged next\n")
          expect(engine.containers()).toEqual(["shop-web next running"])
        })
      )

      it.live("a running new container beside a stopped old one", () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", { ...old, running: false })
          engine.add("shop-web-next", "next", old)
          expect((yield* run(engine)).stdout).toBe("started shop-web-next-0\n")
          expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
          expect(engine.calls().slice(0, 2)).toEqual(["rm --force shop-web", "rename shop-web-next shop-web"])
        })
      )

      it.live("a new container that never started", () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", { ...old, running: false })
          engine.add("shop-web-next", "next", { ...same, running: false })
          expect((yield* run(engine)).stdout).toBe("started shop-web-next-0\n")
          expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
        })
      )
    })

    it.live("leaves a container that belongs to someone else alone", () =>
      Effect.gen(function* () {
        for (const labels of [{}, { project: "shop2", digest: "sha256:d2", config: "c2" }]) {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "theirs", { labels })
          expect(yield* run(engine)).toEqual({ code: 11, stdout: "foreign shop-web\n", stderr: "" })
          expect(engine.calls()).toEqual([])
        }
      })
    )

    it.live("changes nothing when another deploy has done the same in the meantime", () =>
      Effect.gen(function* () {
        for (const health of ["", "healthy", "starting"]) {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", { ...same, health })
          expect(yield* run(engine)).toEqual({ code: 0, stdout: "unchanged old\n", stderr: "" })
          expect(engine.calls()).toEqual([])
        }
      })
    )

    it.live("replaces a container of the same image that is unhealthy, stopped or configured differently", () =>
      Effect.gen(function* () {
        for (const given of [
          { ...same, health: "unhealthy" },
          { ...same, running: false },
          { labels: { ...same.labels, config: "c1" } },
          { labels: { ...same.labels, digest: "sha256:d1" } }
        ]) {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", given)
          expect((yield* run(engine)).stdout).toBe("started shop-web-next-0\n")
          expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
        }
      })
    )

    it.live("waits for another deploy on the same server, and continues from its result", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.block("create")
        const first = yield* start(engine)
        yield* engine.blocked
        const second = yield* Effect.flatMap(start(engine), ({ ended }) => Effect.forkChild(ended))
        yield* untilEffect(() => engine.get("naps").includes("0.2\n0.2\n"))
        expect(engine.calls()).toHaveLength(1)
        yield* engine.release
        expect((yield* first.ended).stdout).toBe("started shop-web-next-0\n")
        const ended = yield* Fiber.join(second)
        expect(ended.stdout).toBe("unchanged shop-web-next-0\n")
        expect(ended.stderr).not.toContain("waiting")
      })
    )

    it.live("reports once that it waits for another deploy", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.block("create")
        const first = yield* start(engine)
        yield* engine.blocked
        const second = yield* Effect.flatMap(start(engine), ({ ended }) => Effect.forkChild(ended))
        yield* untilEffect(() => engine.get("naps").includes("0.2\n".repeat(21)))
        yield* engine.release
        expect((yield* first.ended).code).toBe(0)
        const { code, stderr } = yield* Fiber.join(second)
        expect({ code, stderr }).toEqual({ code: 0, stderr: "waiting for another deploy on this server to finish\n" })
      })
    )

    it.live("passes the lock to none of its child processes", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        for (const operation of ["create", "start", "stop", "rename"]) {
          engine.block(operation)
          const script = yield* start(engine, { digest: operation })
          yield* engine.blocked
          const calls = descendants(script.pid).filter((pid) => commandLine(pid).includes(`${engine.dir}/docker`))
          expect(calls.length).toBeGreaterThan(0)
          for (const pid of calls) expect(readdirSync(`/proc/${pid}/fd`)).not.toContain("9")
          yield* engine.release
          expect((yield* script.ended).code).toBe(0)
        }
      })
    )

    describe("keeps as many images as `retain` says:", () => {
      const images = [
        "sha256:i5 localhost:9270/shop-web v5 sha256:d5",
        "sha256:i4 localhost:9270/shop-web v4 sha256:d4",
        "sha256:i4 localhost:9270/shop-web v4b sha256:d4",
        "sha256:i3 localhost:9270/shop-web v3 <none>",
        "sha256:i2 localhost:9270/shop-web <none> sha256:d2",
        "sha256:x nginx 1 <none>"
      ]
      it.live("the newest ones, whatever their tags", () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.set("images", `${images.join("\n")}\n`)
          expect((yield* run(engine, { repository: "localhost:9270/shop-web", retain: 2 })).code).toBe(0)
          expect(engine.calls().filter((call) => call.startsWith("rmi"))).toEqual([
            "rmi localhost:9270/shop-web:v3",
            "rmi localhost:9270/shop-web@sha256:d2"
          ])
        })
      )

      it.live("all when there are few, and succeeds when one cannot be removed", () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.set("images", `${images.join("\n")}\n`)
          engine.fail("rmi", "image is being used by running container")
          const ended = yield* run(engine, { repository: "localhost:9270/shop-web", retain: 1 })
          expect(ended).toEqual({ code: 0, stdout: "started shop-web-next-0\n", stderr: "" })
          engine.set("log", "")
          yield* run(engine, { repository: "localhost:9270/shop-web", retain: 9, digest: "sha256:d9" })
          expect(engine.calls().filter((call) => call.startsWith("rmi"))).toEqual([])
        })
      )

      it.live("all that jiji did not build", () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.set("images", "sha256:i1  v1 <none>\nsha256:i2 nginx v1 <none>\n")
          expect((yield* run(engine, { retain: 0 })).code).toBe(0)
          expect(engine.calls().filter((call) => /^(image|rmi)/.test(call))).toEqual([])
        })
      )
    })

    it.live("passes secrets unchanged, whatever their names and values", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        const secrets = {
          PATH: "/nowhere",
          HOME: "/else where",
          IFS: "abc /",
          e: "a function's name",
          name: "a variable's name",
          program: "false",
          i: "5",
          PS4: "$(touch /tmp/never)",
          LINES: "one\ntwo\n\n",
          QUOTES: `'"\`\\`,
          COMMANDS: "$(id) `id` ${HOME} $HOME !!",
          JIJI: "é😀\t*",
          EMPTY: "",
          DASH: "-n"
        }
        const words = Object.keys(secrets).flatMap((name) => ["--env", name])
        const ended = yield* run(engine, { how: "trial", secrets, words: [...words, "shop-web:v2"] })
        expect(ended).toEqual({ code: 0, stdout: "started shop-web-next-1\n", stderr: "" })
        const environment = engine.get("create.environ").split("\0")
        for (const [name, value] of Object.entries(secrets)) expect(environment).toContain(`${name}=${value}`)
        expect(engine.get("log")).not.toContain("function's")
        expect(engine.containers()).toEqual(["shop-web shop-web-next-1 running"])
      })
    )

    it.live("passes arguments unchanged", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        const words = [
          "--env",
          "A=a  b",
          "--env",
          "B=*?[a]",
          "--env",
          `C='"\`$(id)\\`,
          "--env",
          "D=one\ntwo\n",
          "",
          "i",
          "-n",
          "é😀"
        ]
        const ports = ["--publish", "127.0.0.1:80:80"]
        yield* run(engine, { words, ports })
        expect(engine.get("create.words").split("\0").slice(0, -1).slice(-words.length)).toEqual(words)
        expect(engine.get("create.words").split("\0").slice(0, 5)).toEqual([
          "create",
          "--name",
          "shop-web-next",
          ...ports
        ])
      })
    )

    it.live("reports a missing engine", () =>
      Effect.gen(function* () {
        const engine = { ...(yield* FakeEngine.make()), engine: "no-such-engine" as "docker" }
        expect(yield* run(engine)).toEqual({ code: 127, stdout: "", stderr: "no-such-engine: not found\n" })
      })
    )
  })
}
