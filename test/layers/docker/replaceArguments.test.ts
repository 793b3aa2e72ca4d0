import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { replace } from "../../../src/layers/docker/replace/replace.ts"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { old, shells, replacing } from "./replacing.ts"

/** The command lines of all processes. */
const processes = (): ReadonlyArray<string> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, "utf8")]
      } catch {
        return [] // It has ended in the meantime.
      }
    })

for (const shell of shells) {
  const { run, start } = replacing(shell)

  describe(`replacing a container with ${shell}`, () => {
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
        expect(ended).toEqual({ code: 0, stdout: expect.stringMatching(/^started shop-web-next-1 \S+\n$/), stderr: "" })
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
        expect(engine.get("create.words").split("\0").slice(0, 9)).toEqual([
          "create",
          "--name",
          "shop-web-next",
          "--restart",
          "no",
          "--label-file",
          "/dev/stdin",
          ...ports
        ])
      })
    )

    it.live("keeps the hashes of the configuration off every command line", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.block("create")
        const script = yield* start(engine, { config: "a-hash" })
        yield* engine.blocked
        const lines = processes().filter((line) => line.includes(engine.dir) || line.includes("shop-web"))
        expect(lines.length).toBeGreaterThan(1)
        expect(lines.join("\n")).not.toContain("a-hash")
        yield* engine.release
        expect((yield* script.ended).code).toBe(0)
        expect(engine.get("log")).not.toContain("a-hash")
        const labels = engine.get("containers/shop-web/labels")
        expect(labels).toContain('jiji.config=a-hash\njiji.parts={"parts":"a-hash"}\n')
      })
    )

    it.live("reports a missing engine", () =>
      Effect.gen(function* () {
        const { text } = replace
        const engine = yield* FakeEngine.make()
        const ended = yield* Effect.scoped(
          Effect.flatMap(engine.start(shell, text, ["engine=no-such-engine"]), (script) => script.ended)
        )
        expect(ended).toEqual({ code: 127, stdout: "", stderr: "no-such-engine: not found\n" })
      })
    )
  })
}
