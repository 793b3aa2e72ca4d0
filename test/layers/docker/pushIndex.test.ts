import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { argumentsOf } from "../../../src/layers/processes/Command.ts"
import { pushIndex } from "../../../src/layers/docker/pushIndex/pushIndex.ts"
import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { shells } from "./replacing.ts"

const digest = `sha256:${"d1".repeat(32)}`
const images = ["r.example.com/web:v1-linux-amd64", "r.example.com/web:v1-linux-arm64"]
type Engine = "docker" | "podman"

const args = (engine: Engine, { insecure = false, user = "" } = {}) => {
  const registry = user === "" ? "" : "r.example.com"
  return argumentsOf(pushIndex.command({ engine, image: "r.example.com/web:v1", insecure, registry, user }, images))
}

/** An engine that writes down what it is called with, and then does this. */
const make = (engine: Engine, then = "") =>
  Effect.gen(function* () {
    const fake = yield* FakeEngine.make(engine)
    const folder = join(fake.dir, fake.folder("tmp"))
    const printed = `while [ $# -gt 0 ]; do [ "$1" != --digestfile ] || printf ${digest} >"$2"; shift; done`
    const push = `case "$1 $2" in 'manifest push') echo ${digest}; ${printed} ;; esac`
    fake.program(engine, `echo "$*" >>"${fake.dir}/called"\n${then}\n${push}`)
    const called = Effect.promise(async () => {
      const text = await Bun.file(join(fake.dir, "called")).text()
      // The id of the process, and the path of a temporary file.
      return text
        .trim()
        .replaceAll(/jiji-index-\d+/g, "jiji-index")
        .replaceAll(/--digestfile \S+/g, "--digestfile F")
        .split("\n")
    })
    return { ...fake, called, folder, env: { TMPDIR: folder, JIJI_PASSWORD: "secret" } }
  })

for (const shell of shells) {
  describe(`push-index.sh with ${shell}`, () => {
    it.live("lets docker make the index of images in the registry, and prints its digest", () =>
      Effect.gen(function* () {
        const engine = yield* make("docker")
        const { code, stdout } = yield* (yield* engine.start(shell, pushIndex.text, args("docker"), engine.env)).ended
        expect(code).toBe(0)
        expect(yield* pushIndex.answer(stdout)).toBe(digest)
        expect(yield* engine.called).toEqual([
          "manifest rm r.example.com/web:v1",
          `manifest create r.example.com/web:v1 ${images.join(" ")}`,
          "manifest push --purge r.example.com/web:v1"
        ])
      })
    )

    it.live("lets podman push the images of this machine with the index, and removes podman's list", () =>
      Effect.gen(function* () {
        const engine = yield* make("podman")
        const given = args("podman", { insecure: true })
        const { code, stdout } = yield* (yield* engine.start(shell, pushIndex.text, given, engine.env)).ended
        expect(code).toBe(0)
        expect(yield* pushIndex.answer(stdout)).toBe(digest)
        const push = "manifest push --all --format v2s2 --tls-verify=false --digestfile F"
        expect(yield* engine.called).toEqual([
          "manifest create localhost/jiji-index",
          ...images.map((image) => `manifest add localhost/jiji-index containers-storage:${image}`),
          `${push} localhost/jiji-index docker://r.example.com/web:v1`,
          "manifest rm localhost/jiji-index"
        ])
        expect(readdirSync(engine.folder)).toEqual([])
      })
    )

    for (const name of ["docker", "podman"] as const) {
      it.live(`fails with ${name}'s exit code, and leaves no login and no list behind`, () =>
        Effect.gen(function* () {
          const engine = yield* make(name, '[ "$2" != push ] || { echo denied >&2; exit 3; }')
          const given = args(name, { user: "me" })
          const { code, stderr } = yield* (yield* engine.start(shell, pushIndex.text, given, engine.env)).ended
          expect({ code, stderr }).toEqual({ code: 3, stderr: "denied\n" })
          expect(readdirSync(engine.folder)).toEqual([])
          const called = yield* engine.called
          expect(called).toContainEqual("login --username me --password-stdin r.example.com")
          if (name === "podman") expect(called.at(-1)).toBe("manifest rm localhost/jiji-index")
        })
      )

      it.live(`leaves no login and no list behind if it is stopped while ${name} pushes`, () =>
        Effect.gen(function* () {
          const wait = `[ "$2" != push ] || { : >"\${0%/*}/pushing"; exec /bin/sleep 100; }`
          const engine = yield* make(name, wait)
          const script = yield* engine.start(shell, pushIndex.text, args(name, { user: "me" }), engine.env)
          yield* untilEffect(() => readdirSync(engine.dir).includes("pushing"))
          yield* script.killGroup()
          expect((yield* script.ended).code).toBe(143)
          expect(readdirSync(engine.folder)).toEqual([])
          if (name === "podman") expect((yield* engine.called).at(-1)).toBe("manifest rm localhost/jiji-index")
        })
      )
    }
  })
}
