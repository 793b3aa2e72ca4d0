import { describe, expect } from "bun:test"
import { Effect, Redacted } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { exec } from "../../../../src/layers/docker/exec/exec.ts"
import { filesToMount } from "../../../../src/layers/docker/files.ts"
import { argumentsOf } from "../../../../src/layers/processes/Command.ts"
import { session } from "../../../../src/layers/shell/session/session.ts"
import { it } from "../../../support/effect.ts"
import * as FakeEngine from "../FakeEngine.ts"

/** An engine that notes what is asked of it. What it runs in a container, it runs here. */
const engineText = `
state=\${0%/*}/state
echo "$*" | tr '\\n' ' ' | cut -c1-60 >>"$state/asked"
case $1 in
  create)
    [ ! -e "$state/refuses" ] || { echo 'no such image' >&2; exit 125; }
    printf '%s\\n' "$@" >"$state/words"
    env | grep -A1 '^TOKEN=' >"$state/token"
    for word; do case $word in type=bind,*) file=\${word#*source=}; cat "\${file%%,*}" >"$state/file" ;; esac; done
    echo made
    ;;
  exec) shift 2; exec "$@" ;;
esac`

const about = { engine: "docker", container: "abc", fresh: false, name: "", terminal: false } as const

/** A process of a session, somewhere on this machine. Each session has a tag of its own. */
const tagged = Effect.acquireRelease(
  Effect.sync(() => {
    const tag = crypto.randomUUID()
    const child = spawn("/bin/sleep", ["600"], { env: { JIJI_EXEC: tag }, stdio: "ignore" })
    return { tag, signal: once(child, "exit").then(([, signal]) => String(signal)), child }
  }),
  ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
)

const make = Effect.map(FakeEngine.make(), (engine) => {
  engine.program("docker", engineText)
  /** `word` is what jiji says: `done`, or nothing if the connection is lost. */
  const run = (shell: string, values: Partial<Parameters<typeof exec.command>[0]>, word: string, file?: string) => {
    const files = filesToMount(
      file === undefined ? [] : [{ target: "/run/key", mode: "0400", content: Redacted.make(file) }]
    )
    const mounted = { mounts: files.folder, modes: files.modes }
    const command = exec.command({ ...about, tag: crypto.randomUUID(), ...mounted, ...values }, [
      ...files.words,
      "shop-web",
      "bin/x"
    ])
    engine.set("stdin", files.stdin === undefined ? "" : Redacted.value(files.stdin))
    engine.set("control", word)
    const state = join(engine.dir, "state")
    const text = `exec <"${state}/stdin" 3<"${state}/control"\n${exec.text}`
    const env = { JIJI_NAMES: "TOKEN", JIJI_SECRET_0: "two\nlines" }
    return Effect.scoped(Effect.flatMap(engine.start(shell, text, argumentsOf(command), env), ({ ended }) => ended))
  }
  return {
    ...engine,
    run,
    asked: () =>
      engine
        .get("asked")
        .split("\n")
        .map((line) => line.trimEnd())
        .filter(Boolean)
  }
})

const fresh = { container: "", fresh: true, name: "shop-web-exec-1" } as const

for (const shell of ["sh", "busybox sh"])
  describe(`exec.sh with ${shell}`, () => {
    it.live("asks nothing of the engine for a running container, and ends nothing if the session is over", () =>
      Effect.gen(function* () {
        const { asked, run } = yield* make
        const { child, tag } = yield* tagged
        expect(yield* run(shell, { tag }, "done\n")).toEqual({ code: 0, stdout: "ready abc\n", stderr: "" })
        expect(asked()).toEqual([])
        expect(child.exitCode ?? child.signalCode).toBe(null)
      })
    )

    it.live("hangs up on the processes of a session that is cut off", () =>
      Effect.gen(function* () {
        const { run } = yield* make
        const { signal, tag } = yield* tagged
        expect((yield* run(shell, { tag }, "")).code).toBe(0)
        expect(yield* Effect.promise(() => signal)).toBe("SIGHUP")
      })
    )

    it.live("creates a container with its secrets and files, and removes it when the session is over", () =>
      Effect.gen(function* () {
        const { asked, dir, get, run } = yield* make
        expect(yield* run(shell, fresh, "done\n", "the key")).toEqual({ code: 0, stdout: "ready made\n", stderr: "" })
        expect(asked().map((line) => line.split(" --mount")[0])).toEqual([
          "create --name shop-web-exec-1",
          "rm --force --volumes shop-web-exec-1"
        ])
        expect([get("token"), get("file")]).toEqual(["TOKEN=two\nlines\n", "the key"])
        expect(get("words")).not.toContain("two")
        expect(existsSync(join(dir, ".jiji/files/shop-web-exec-1"))).toBe(false)
      })
    )

    it.live("stops and removes it when the session is cut off", () =>
      Effect.gen(function* () {
        const { asked, run } = yield* make
        expect((yield* run(shell, fresh, "")).code).toBe(0)
        expect(asked().slice(1)).toEqual(["stop --time 5 shop-web-exec-1", "rm --force --volumes shop-web-exec-1"])
        yield* run(shell, { ...fresh, terminal: true }, "")
        expect(asked().slice(4)).toEqual(["rm --force --volumes shop-web-exec-1"])
      })
    )

    it.live("leaves nothing behind if the engine refuses to create it", () =>
      Effect.gen(function* () {
        const { asked, dir, run, set } = yield* make
        set("refuses", "")
        expect(yield* run(shell, fresh, "done\n", "the key")).toEqual({
          code: 125,
          stdout: "",
          stderr: "no such image\n"
        })
        expect(asked().at(-1)).toBe("rm --force --volumes shop-web-exec-1")
        expect(existsSync(join(dir, ".jiji/files/shop-web-exec-1"))).toBe(false)
      })
    )
  })

describe("exec.sh", () => {
  it.live("signals processes in the container through the engine if the user is not root", () =>
    Effect.gen(function* () {
      const { asked, program, run } = yield* make
      program("id", "echo 1000")
      // The user may signal none of them.
      program("grep", 'case "$*" in */proc/*environ*) [ -n "$INSIDE" ] || exit 1 ;; esac; exec /bin/grep "$@"')
      program("docker", `${engineText.replace("exec) shift 2;", "exec) shift 2; export INSIDE=1;")}`)
      const { signal, tag } = yield* tagged
      yield* run("sh", { tag }, "")
      expect(yield* Effect.promise(() => signal)).toBe("SIGHUP")
      expect(asked()[0]).toStartWith("exec abc sh -c ")
    })
  )
})

describe("session.sh", () => {
  for (const [word, ends] of [
    ["done\n", false],
    ["", true]
  ] as const)
    it.live(ends ? "hangs up on a session that is cut off" : "lets a session end by itself", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.set("control", word)
        const { child, signal, tag } = yield* tagged
        const text = `exec 3<"${join(engine.dir, "state")}/control"\n${session.text}`
        const args = argumentsOf(session.command({ tag, terminal: true }))
        const { ended } = yield* engine.start("sh", text, args)
        expect(yield* ended).toEqual({ code: 0, stdout: "ready\n", stderr: "" })
        if (ends) expect(yield* Effect.promise(() => signal)).toBe("SIGHUP")
        else expect(child.signalCode).toBe(null)
      })
    )
})
