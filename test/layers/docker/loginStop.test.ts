import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { argumentsOf } from "../../../src/layers/processes/Command.ts"
import { pull } from "../../../src/layers/docker/pull/pull.ts"
import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { shells } from "./replacing.ts"

for (const shell of shells)
  describe(`a pull with ${shell}`, () => {
    it.live("leaves no login behind when it is stopped during a login that loses the signal", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        const folder = join(engine.dir, engine.folder("tmp"))
        engine.program(
          "docker",
          `[ "$1" = login ] || exit 1\ntrap '' TERM\n: >"$DOCKER_CONFIG/started"\nwhile [ -e "${engine.dir}" ]; do sleep 0.1; done`
        )
        const login = { registry: "ghcr.io", user: "me" }
        const args = argumentsOf(
          pull.command({
            engine: "docker",
            from: "ghcr.io/me/web",
            name: "",
            verify: true,
            drop: false,
            progress: false,
            ...login
          })
        )
        const env = { JIJI_PASSWORD: "secret", TMPDIR: folder }
        const script = yield* engine.start(shell, pull.text, args, env)
        yield* untilEffect(() => readdirSync(folder).some((name) => existsSync(join(folder, name, "started"))))
        yield* script.kill()
        expect((yield* script.ended).code).toBe(143)
        expect(readdirSync(folder)).toEqual([])
        yield* untilEffect(() => !engine.isRunning())
      })
    )
  })
