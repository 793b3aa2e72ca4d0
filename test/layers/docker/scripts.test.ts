import { describe, expect } from "bun:test"
import { Effect, Fiber } from "effect"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { argumentsOf } from "../../../src/layers/processes/Command.ts"
import { probe } from "../../../src/layers/docker/probe/probe.ts"
import { pull } from "../../../src/layers/docker/pull/pull.ts"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { untilEffect } from "../../support/waiting.ts"

const { text: probeScript } = probe
const { text: pullScript } = pull
/** The arguments of a pull. */
const pulling = (from: string, options: Partial<Parameters<typeof pull.command>[0]> = {}) =>
  argumentsOf(
    pull.command({
      engine: "docker",
      from,
      name: "",
      verify: true,
      drop: false,
      progress: false,
      registry: "",
      user: "",
      ...options
    })
  )
const probing = argumentsOf(probe.command({ engine: "docker", project: "shop", client: true }))
const machine = Bun.spawnSync(["uname", "-m"]).stdout.toString().trim()

for (const shell of ["sh", "busybox sh"]) {
  const run = (engine: FakeEngine.FakeEngine, text: string, args: ReadonlyArray<string>, env = {}) =>
    Effect.scoped(Effect.flatMap(engine.start(shell, text, args, env), ({ ended }) => ended))

  // Not the API: the machine that runs the tests may have one.

  describe(`probing a server with ${shell}`, () => {
    it.live("reports the engine, its version, the processor and the project's containers", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        expect(yield* run(engine, probeScript, probing)).toEqual({
          code: 0,
          stdout: `docker 20.10.24 ${machine}\n[]\n`,
          stderr: ""
        })
        engine.add("shop-web", "id1")
        engine.add("shop-api", "id2")
        const { stdout } = yield* run(engine, probeScript, probing)
        expect(stdout).toBe(`docker 20.10.24 ${machine}\n[id2]\n[id1]\n`)
        expect(engine.get("log").replaceAll("\u001f", " ")).toContain("--filter label=jiji.project=shop ")
      })
    )

    it.live("finds podman when docker is configured but not installed", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make("podman")
        engine.set("version", "4.3.1\n")
        // Only this folder, or the machine's own docker would be found.
        const env = { PATH: `${engine.dir}:${yield* only("uname")}` }
        const { stdout } = yield* run(engine, probeScript, probing, env)
        expect(stdout).toBe(`podman 4.3.1 ${machine}\n[]\n`)
      })
    )

    it.live("reports only the version, whatever the engine warns about", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.set("warning", "WARNING: Error loading config file: /root/.docker/config.json\n")
        const { stdout } = yield* run(engine, probeScript, probing)
        expect(stdout).toBe(`docker 20.10.24 ${machine}\n[]\n`)
      })
    )

    it.live("reports a missing engine", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        const env = { PATH: yield* only("uname") }
        const ended = yield* run(engine, probeScript, probing, env)
        expect(ended).toEqual({ code: 127, stdout: "", stderr: "docker: not found\n" })
      })
    )

    it.live("passes on the message of an engine that does not answer", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.fail("version", "permission denied while trying to connect to the Docker daemon socket")
        const ended = yield* run(engine, probeScript, probing)
        expect(ended.code).toBe(1)
        expect(ended.stderr).toBe("permission denied while trying to connect to the Docker daemon socket\n")
      })
    )
  })

  describe(`pulling an image with ${shell}`, () => {
    it.live("pulls by digest, names the image and describes it", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        const args = pulling("ghcr.io/me/web@sha256:d1", { name: "ghcr.io/me/web:v1" })
        const ended = yield* run(engine, pullScript, args)
        expect(ended).toEqual({ code: 0, stdout: '[{"the": "image"}]\n', stderr: "Pulling from somewhere\n" })
        expect(engine.calls()).toEqual([
          "pull ghcr.io/me/web@sha256:d1",
          "tag ghcr.io/me/web@sha256:d1 ghcr.io/me/web:v1"
        ])
      })
    )

    it.live("removes the name it pulled by, if asked to", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.fail("rmi", "in use")
        const ended = yield* run(
          engine,
          pullScript,
          pulling("localhost:1/a@sha256:d1", { name: "localhost:9270/a:1", drop: true })
        )
        expect(ended.code).toBe(0)
        expect(engine.calls().at(-1)).toBe("rmi localhost:1/a@sha256:d1")
      })
    )

    it.live("tells only podman whether to verify TLS", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make("podman")
        yield* run(engine, pullScript, pulling("localhost:9270/a@sha256:d1", { engine: "podman", verify: false }))
        expect(engine.calls()).toEqual(["pull --tls-verify=false localhost:9270/a@sha256:d1"])
      })
    )

    it.live("stops with the engine's exit code and message", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.fail("pull", "manifest unknown")
        const ended = yield* run(engine, pullScript, pulling("a", { name: "b", drop: true }))
        expect(ended).toEqual({ code: 125, stdout: "", stderr: "manifest unknown\n" })
        expect(engine.calls()).toEqual(["pull a"])
      })
    )

    const login = pulling("ghcr.io/me/web@sha256:d1", { registry: "ghcr.io", user: "me" })
    const folders = (engine: FakeEngine.FakeEngine) => readdirSync(join(engine.dir, "tmp"))

    it.live("logs in for this pull only, and leaves no login behind", () =>
      Effect.gen(function* () {
        const engine = yield* withTemporary
        const password = "p w'\"$x`\\ \n\n"
        const ended = yield* run(engine, pullScript, login, {
          JIJI_PASSWORD: password,
          TMPDIR: join(engine.dir, "tmp")
        })
        expect(ended.code).toBe(0)
        expect(engine.get("password")).toBe(password)
        expect(engine.calls()[0]).toBe("login --username me --password-stdin ghcr.io")
        // What the engine says of a password that is gone in a moment would only frighten.
        expect(ended.stderr).toBe("Pulling from somewhere\n")
        const [context, contexts, config = "", auth] = engine.get("login").split("\n")
        // The engine is still the one that the user's own configuration names.
        expect([context, contexts]).toEqual(["other", join(engine.dir, ".docker/contexts")])
        expect(engine.get("modes")).toBe("700\n600\n")
        expect(auth).toBe(`${config}/auth.json`)
        expect(config).toStartWith(join(engine.dir, "tmp"))
        expect(folders(engine)).toEqual([])
        expect(readdirSync(join(engine.dir, ".docker"))).toEqual(["contexts"])
      })
    )

    it.live("leaves no login behind when the login or the pull fails", () =>
      Effect.gen(function* () {
        for (const operation of ["login", "pull"]) {
          const engine = yield* withTemporary
          engine.fail(operation, "unauthorized: no")
          const env = { JIJI_PASSWORD: "secret", TMPDIR: join(engine.dir, "tmp") }
          expect(yield* run(engine, pullScript, login, env)).toMatchObject({ code: 125, stderr: "unauthorized: no\n" })
          expect(folders(engine)).toEqual([])
        }
      })
    )

    it.live("leaves no login behind when it is stopped during the pull", () =>
      Effect.gen(function* () {
        const engine = yield* withTemporary
        engine.block("pull")
        const env = { JIJI_PASSWORD: "secret", TMPDIR: join(engine.dir, "tmp") }
        const script = yield* engine.start(shell, pullScript, login, env)
        yield* engine.blocked
        expect(folders(engine)).toHaveLength(1)
        yield* script.kill()
        yield* Effect.promise(() => script.exited)
        expect(folders(engine)).toEqual([])
        yield* engine.release
        expect((yield* script.ended).code).toBe(143)
      })
    )

    const told = pulling("ghcr.io/me/web@sha256:d1", { progress: true })
    const onTerminal = "On a terminal of 200 100, with /dev/null to read\r\nPulling from somewhere\r\n"

    it.live("gives the engine a terminal to report bytes, and passes its exit code on", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        // The user's own shell may be none that reads what sh does.
        const env = { SHELL: "/bin/false" }
        const ended = yield* run(engine, pullScript, told, env)
        expect(ended).toEqual({ code: 0, stdout: '[{"the": "image"}]\n', stderr: onTerminal })
        expect(engine.calls()).toEqual(["pull ghcr.io/me/web@sha256:d1"])
        engine.fail("pull", "manifest unknown")
        // Around the terminal: its lines end as they were written.
        expect(yield* run(engine, pullScript, told)).toEqual({ code: 125, stdout: "", stderr: "manifest unknown\n" })
      })
    )

    it.live("uses no terminal when none would pass on the exit code, and says that it shows no progress", () =>
      Effect.gen(function* () {
        const stderr = "jiji progress hidden\nPulling from somewhere\n"
        const plain = { code: 0, stdout: '[{"the": "image"}]\n', stderr }
        const engine = yield* FakeEngine.make()
        const none = { PATH: `${engine.dir}:${yield* only("mktemp", "rm")}` }
        expect(yield* run(engine, pullScript, told, none)).toEqual(plain)
        for (const other of ["exit 0", "echo wrong >&2; exit 1", "sleep 0.01; exit 127"]) {
          engine.program("script", other)
          expect(yield* run(engine, pullScript, told)).toEqual(plain)
        }
      })
    )

    for (const [signal, code] of [
      ["SIGTERM", 143],
      ["SIGKILL", 137]
    ] as const) {
      for (const stubborn of [false, true]) {
        it.live(`stops the engine on ${signal}, even one that ${stubborn ? "ignores it" : "handles it"}`, () =>
          Effect.gen(function* () {
            const engine = yield* FakeEngine.make()
            engine.block("pull")
            if (stubborn) engine.set("stubborn", "")
            const script = yield* engine.start(shell, pullScript, told)
            yield* engine.blocked
            expect(engine.isRunning()).toBe(true)
            yield* script.killGroup(signal)
            yield* untilEffect(() => !engine.isRunning())
            expect((yield* script.ended).code).toBe(code)
          })
        )
      }
    }

    it.live("lets no program of the engine prompt on its terminal", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.set("asks", "")
        const ended = yield* run(engine, pullScript, told)
        expect(ended.stderr).toContain("/dev/tty: No such device or address")
        expect(ended.code).toBe(125)
      })
    )

    it.live("reports that it waits for another podman pull, and gives up after an hour", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make("podman")
        const args = pulling("ghcr.io/me/web@sha256:d1", { engine: "podman", name: "ghcr.io/me/web:v1" })
        engine.block("pull")
        const first = yield* engine.start(shell, pullScript, args)
        yield* engine.blocked
        // A clock that is two minutes on each time it is looked at.
        const clock = `date() { echo >>${engine.dir}/clock; wc -l <${engine.dir}/clock | { read -r n; echo $((n * 120)); }; }\n`
        const ended = yield* run(engine, `${clock}${pullScript}`, args)
        expect(ended).toEqual({
          code: 1,
          stdout: "",
          stderr:
            "waiting for another pull on this server to finish\ngave up after 1 hour: other pulls on this server did not finish\n"
        })
        const second = yield* Effect.forkChild(run(engine, pullScript, args))
        yield* engine.release
        expect((yield* first.ended).code).toBe(0)
        expect((yield* Fiber.join(second)).code).toBe(0)
      })
    )
  })
}

const withTemporary = Effect.map(FakeEngine.make(), (engine) => {
  for (const name of ["tmp", ".docker", ".docker/contexts"]) engine.folder(name)
  return engine
})

/** A folder that holds these programs of the system, and no other. */
const only = (...programs: ReadonlyArray<string>) =>
  Effect.map(FakeEngine.make(), ({ dir, folder, link }) => {
    const bin = folder("only")
    for (const program of ["sh", "env", "cat", ...programs]) link(Bun.which(program) ?? "", join("only", program))
    return join(dir, bin)
  })
