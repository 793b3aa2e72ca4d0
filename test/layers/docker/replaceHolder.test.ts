import { describe, expect } from "bun:test"
import { Effect, Fiber } from "effect"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { old, replacing, shells } from "./replacing.ts"

/** Files that the script leaves for a container where it has its locks. */
const filesOf = ({ dir }: FakeEngine.FakeEngine, name: string) =>
  readdirSync(dir).filter((file) => file.startsWith(`jiji-${name}.`))

for (const shell of shells) {
  const { run, start } = replacing(shell)

  describe(`sharing a server with ${shell}`, () => {
    it.live("replaces one container while another deploy replaces another one", () =>
      Effect.gen(function* () {
        const slow = yield* FakeEngine.make()
        slow.block("create")
        const first = yield* start(slow, { name: "holder-web" })
        yield* slow.blocked
        const quick = yield* FakeEngine.make("docker", slow)
        expect(yield* run(quick, { name: "holder-worker" })).toEqual({
          code: 0,
          stdout: "started holder-worker-next-0\n",
          stderr: ""
        })
        yield* slow.release
        expect((yield* first.ended).code).toBe(0)
        expect([...filesOf(slow, "holder-web"), ...filesOf(slow, "holder-worker")]).toEqual([])
      })
    )

    it.live("says who it waits for", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.block("create")
        const first = yield* start(engine, { name: "holder-who", run: "run r1 by ann on la\\ptop" })
        yield* engine.blocked
        const second = yield* Effect.flatMap(start(engine, { name: "holder-who" }), ({ ended }) =>
          Effect.forkChild(ended)
        )
        yield* untilEffect(() => engine.get("naps").includes("0.2\n".repeat(11)))
        yield* engine.release
        yield* first.ended
        expect((yield* Fiber.join(second)).stderr).toMatch(
          /^waiting for another deploy of holder-who to finish: run r1 by ann on la\\ptop, since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n$/
        )
      })
    )

    it.live("does not wait for a script that was killed, and does not name it", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.block("create")
        const killed = yield* start(engine, { name: "holder-dead", run: "run dead" })
        yield* engine.blocked
        yield* killed.killGroup("SIGKILL")
        yield* Effect.promise(() => killed.exited)
        yield* engine.release
        expect(filesOf(engine, "holder-dead")).toHaveLength(2)
        engine.block("start")
        const next = yield* start(engine, { name: "holder-dead", digest: "sha256:d3", run: "run next" })
        yield* engine.blocked
        const waiting = yield* Effect.flatMap(start(engine, { name: "holder-dead" }), ({ ended }) =>
          Effect.forkChild(ended)
        )
        yield* untilEffect(() => engine.get("naps").includes("0.2\n".repeat(11)))
        yield* engine.release
        expect((yield* next.ended).code).toBe(0)
        const { stderr } = yield* Fiber.join(waiting)
        expect(stderr).toContain(": run next, since ")
        expect(stderr).not.toContain("dead,")
        expect(filesOf(engine, "holder-dead")).toEqual([])
      })
    )

    it.live("removes its lock when it is stopped", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("holder-stop", "old", old)
        engine.block("start")
        const script = yield* start(engine, { name: "holder-stop" })
        yield* engine.blocked
        expect(existsSync(`${engine.dir}/jiji-holder-stop.lock`)).toBe(true)
        yield* script.kill("SIGTERM")
        yield* engine.release
        expect((yield* script.ended).code).toBe(143)
        expect(filesOf(engine, "holder-stop")).toEqual([])
      })
    )

    // busybox does not look for flock in PATH.
    if (shell === "sh")
      it.live("never waits for a lock that another user may hold without end", () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.program("flock", `printf "%s\\n" "$1" >>"${engine.dir}/locks"\nexec /usr/bin/flock "$@"`)
          expect((yield* run(engine, { name: "holder-wait", run: "run r1" })).code).toBe(0)
          expect(readFileSync(`${engine.dir}/locks`, "utf8")).toMatch(/^(-n\n)+$/)
        })
      )

    it.live("gives up after ten minutes, and names the deploy that holds the lock", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.block("create")
        const first = yield* start(engine, { name: "holder-long", run: "run r1 by ann on laptop" })
        yield* engine.blocked
        const late = yield* FakeEngine.make("docker", engine)
        // Each look at the clock is an hour later.
        late.program(
          "date",
          `case $1 in +%s) ;; *) exec /bin/date "$@" ;; esac\nt=$(cat "${late.dir}/time" 2>/dev/null || echo 0)\necho $((t + 3600)) >"${late.dir}/time"\necho "$t"`
        )
        const ended = yield* run(late, { name: "holder-long" })
        expect(ended.code).toBe(12)
        expect(ended.stdout).toMatch(/^busy holder-long: run r1 by ann on laptop, since [^\n]+ UTC\n$/)
        yield* engine.release
        expect((yield* first.ended).code).toBe(0)
      })
    )
  })
}
