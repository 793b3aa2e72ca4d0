import { describe, expect } from "bun:test"
import { Effect, Redacted } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { argumentsOf } from "../../../src/layers/processes/Command.ts"
import { filesToMount } from "../../../src/layers/docker/files.ts"
import { release } from "../../../src/layers/docker/release/release.ts"
import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"
import * as FakeEngine from "./FakeEngine.ts"

/**
 * An engine with one container, `state/container`: its labels, or nothing. `state/command` is what `start --attach` runs;
 * `stop` ends it.
 */
const engineText = `
state=\${0%/*}/state container=$state/container
echo "$*" >>"$state/asked"
case $1 in
  create)
    [ ! -e "$state/refuses" ] || { echo 'no such image' >&2; exit 125; }
    env | grep '^TOKEN=' >"$state/token"
    for word; do case $word in type=bind,*) printf %s "$word" >"$state/mount" ;; esac; done
    echo 'shop|web|made' >"$container"
    echo made
    ;;
  inspect)
    [ -e "$container" ] || { echo 'No such container' >&2; exit 1; }
    case "$*" in
      *StartedAt*) [ -e "$state/code" ] && echo "exited|$(cat "$state/code")|false|2026" || echo 'created|127|false|0001-01-01' ;;
      *) cat "$container" ;;
    esac
    ;;
  start)
    [ -e "$state/command" ] || { echo 'Error: no such program' >&2; exit 127; }
    sh "$state/command" &
    echo $! >"$state/pid"
    wait $!
    code=$?
    echo $code >"$state/code"
    exit $code
    ;;
  stop) [ ! -e "$state/pid" ] || { kill "$(cat "$state/pid")"; until [ -e "$state/code" ]; do /bin/sleep 0.01; done; } ;;
  rm) rm -f "$container" "$state/code" "$state/pid" ;;
esac`

const make = (machine?: { readonly dir: string }) =>
  Effect.map(FakeEngine.make("docker", machine), (engine) => {
    engine.program("docker", engineText)
    return {
      ...engine,
      /** What the script asked of the engine that changes something. */
      asked: () =>
        engine
          .get("asked")
          .split("\n")
          .filter((line) => line !== "" && !line.startsWith("inspect"))
          .map((line) => line.split(" ").slice(0, 3).join(" "))
    }
  })
type Engine = Effect.Success<ReturnType<typeof make>>

const words = ["--label", "jiji.project=shop", "shop-web:v2", "bin/migrate"]

for (const shell of ["sh", "busybox sh"]) {
  const start = (
    engine: Engine,
    options: { readonly limit?: number; readonly run?: boolean; readonly file?: string } = {}
  ) => {
    const { file, limit = 300, run = true } = options
    const files = filesToMount(
      file === undefined ? [] : [{ target: "/run/key", mode: "0400", content: Redacted.make(file) }]
    )
    const name = "shop-web-release"
    const mounted = { mounts: files.folder, modes: files.modes }
    const values = { engine: "docker", name, project: "shop", service: "web", limit, run, ...mounted } as const
    engine.set("stdin", files.stdin === undefined ? "" : Redacted.value(files.stdin))
    const env = { JIJI_NAMES: "TOKEN", JIJI_SECRET_0: "two\nlines" }
    return engine.start(
      shell,
      `exec <"${engine.dir}/state/stdin"\n${release.text}`,
      argumentsOf(release.command(values, run ? [...files.words, ...words] : [])),
      env
    )
  }
  const run = (engine: Engine, options?: Parameters<typeof start>[1]) =>
    Effect.scoped(Effect.flatMap(start(engine, options), ({ ended }) => ended))
  /** Naps take no time there, so a limit would be over at once. */
  const forever = (engine: Engine) =>
    engine.program(
      "sleep",
      `echo "$1" >>"\${0%/*}/state/naps"; case $1 in 300) exec /bin/sleep 300 ;; *) exec /bin/sleep 0.01 ;; esac`
    )

  describe(`release.sh with ${shell}`, () => {
    it.live("runs the command with its secrets, passes its outputs on, and removes the container", () =>
      Effect.gen(function* () {
        const engine = yield* make()
        forever(engine)
        engine.set("command", "echo migrating; echo slowly >&2")
        expect(yield* run(engine)).toEqual({ code: 0, stdout: "migrating\n", stderr: "jiji release running\nslowly\n" })
        expect(engine.asked()).toEqual([
          "create --name shop-web-release",
          "start --attach made",
          "stop made",
          "rm --force --volumes"
        ])
        expect(engine.get("token")).toBe("TOKEN=two\n")
        expect(existsSync(join(engine.dir, "jiji-shop-web-release.lock"))).toBe(false)
      })
    )

    it.live("mounts the files of the service, and removes them afterwards", () =>
      Effect.gen(function* () {
        const engine = yield* make()
        forever(engine)
        engine.set("command", `cat "$HOME"/.jiji/files/shop-web-release/*/1`)
        expect((yield* run(engine, { file: "a key\n" })).stdout).toBe("a key\n")
        expect(engine.get("mount")).toMatch(
          /\/\.jiji\/files\/shop-web-release\/[0-9a-f]{16}\/1,target=\/run\/key,readonly$/
        )
        expect(existsSync(join(engine.dir, ".jiji/files/shop-web-release"))).toBe(false)
      })
    )

    it.live("reports the exit code of the command, and removes the container", () =>
      Effect.gen(function* () {
        const engine = yield* make()
        forever(engine)
        engine.set("command", "exit 3")
        const ended = yield* run(engine)
        expect(ended.code).toBe(20)
        expect(ended.stderr).toEndWith("jiji release ended with exit code 3\n")
        expect(engine.get("container")).toBe("")
      })
    )

    it.live("reports that the engine cannot start or create the container", () =>
      Effect.gen(function* () {
        const engine = yield* make()
        forever(engine)
        const unstarted = yield* run(engine)
        expect(unstarted.code).toBe(21)
        expect(unstarted.stderr).toContain("Error: no such program")
        expect(engine.get("container")).toBe("")
        engine.set("refuses", "")
        expect(yield* run(engine)).toMatchObject({ code: 1, stderr: "no such image\n" })
      })
    )

    it.live("stops a command when its time is over, even if the command then exits with 0", () =>
      Effect.gen(function* () {
        const engine = yield* make()
        const ready = join(engine.dir, "state/ready")
        engine.program("sleep", `until [ -e ${ready} ]; do /bin/sleep 0.01; done`)
        engine.set("command", `trap 'echo stopped; exit 0' TERM; : >${ready}; while :; do /bin/sleep 0.01; done`)
        const ended = yield* run(engine, { limit: 7 })
        expect(ended).toMatchObject({ code: 20, stdout: "stopped\n" })
        expect(ended.stderr).toEndWith("jiji release took longer than 7 s and was stopped\n")
        expect(engine.get("container")).toBe("")
      })
    )

    for (const signal of ["SIGTERM", "SIGHUP"] as const)
      it.live(`stops the command and removes the container after ${signal}`, () =>
        Effect.gen(function* () {
          const engine = yield* make()
          forever(engine)
          engine.set("command", "trap 'exit 0' TERM; while :; do /bin/sleep 0.01; done")
          yield* Effect.scoped(
            Effect.gen(function* () {
              const script = yield* start(engine)
              yield* untilEffect(() => engine.get("pid") !== "")
              yield* script.kill(signal)
              expect((yield* script.ended).code).toBe(143)
            })
          )
          expect(engine.asked().slice(-2)).toEqual(["stop made", "rm --force --volumes"])
          expect(engine.get("container")).toBe("")
        })
      )

    it.live("removes what an earlier release has left, and no other container", () =>
      Effect.gen(function* () {
        const engine = yield* make()
        forever(engine)
        engine.set("command", "exit 0")
        engine.set("container", "shop|web|left\n")
        expect((yield* run(engine)).code).toBe(0)
        expect(engine.asked().slice(0, 3)).toEqual([
          "stop left",
          "rm --force --volumes",
          "create --name shop-web-release"
        ])
        engine.set("container", "shop-web|release|theirs\n")
        engine.set("asked", "")
        expect(yield* run(engine)).toMatchObject({ code: 11, stderr: "jiji release foreign\n" })
        expect(engine.asked()).toEqual([])
      })
    )

    it.live("can remove it without running anything", () =>
      Effect.gen(function* () {
        const engine = yield* make()
        engine.set("container", "shop|web|left\n")
        expect(yield* run(engine, { run: false })).toEqual({ code: 0, stdout: "", stderr: "" })
        expect(engine.asked()).toEqual(["stop left", "rm --force --volumes"])
      })
    )

    it.live("waits for the release of another deploy, and does not remove its container", () =>
      Effect.gen(function* () {
        const engine = yield* make()
        forever(engine)
        engine.set("command", `until [ -e ${join(engine.dir, "state/go")} ]; do /bin/sleep 0.01; done`)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const first = yield* start(engine)
            yield* untilEffect(() => engine.get("pid") !== "")
            // What only removes leaves it alone at once.
            expect(yield* run(engine, { run: false })).toEqual({ code: 0, stdout: "", stderr: "" })
            const second = yield* start(engine)
            yield* untilEffect(() => engine.get("naps").includes("0.2"))
            expect(engine.asked()).toEqual(["create --name shop-web-release", "start --attach made"])
            engine.set("go", "")
            expect((yield* first.ended).code).toBe(0)
            expect((yield* second.ended).code).toBe(0)
            expect(engine.asked().filter((line) => line.startsWith("create"))).toHaveLength(2)
          })
        )
      })
    )
  })
}
