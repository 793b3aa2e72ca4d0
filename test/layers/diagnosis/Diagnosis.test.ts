import { describe, expect, test } from "bun:test"
import { Effect } from "effect"
import { parseLookOutput, parseTunnelOutput } from "../../../src/layers/diagnosis/facts.ts"
import { look as lookScript } from "../../../src/layers/diagnosis/look/look.ts"
import { tunnel as tunnelScript } from "../../../src/layers/diagnosis/tunnel/tunnel.ts"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "../docker/FakeEngine.ts"

for (const shell of ["sh", "busybox sh"]) {
  const run = (engine: FakeEngine.FakeEngine, text: string, args: ReadonlyArray<string>, env = {}) =>
    Effect.scoped(Effect.flatMap(engine.start(shell, text, args, env), ({ ended }) => ended))

  describe(`looking at a machine with ${shell}`, () => {
    it.live("reports its engine, processor and clock", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        const before = Date.now()
        const { code, stdout } = yield* run(engine, lookScript.text, ["engine=docker", "only=yes"])
        expect(code).toBe(0)
        const facts = parseLookOutput(stdout)
        if (!("processor" in facts)) throw facts
        expect(facts.engine).toEqual({ name: "docker", version: "20.10.24" })
        expect(facts.processor).toBe(process.arch === "x64" ? "amd64" : process.arch)
        // busybox's clock knows whole seconds only.
        expect(facts.began).toBeGreaterThan(before - 1001)
        // `Date.now()` counts whole milliseconds.
        expect(Math.floor(facts.ended)).toBeLessThanOrEqual(Date.now())
      })
    )

    it.live("reports what podman lacks to resolve names", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make("podman")
        const look = Effect.map(run(engine, lookScript.text, ["engine=podman"]), ({ stdout }) =>
          parseLookOutput(stdout)
        )
        expect(yield* look).not.toHaveProperty("lacksForNames")
        expect(yield* look).toMatchObject({ disk: { folder: "/var" } })
        engine.set("cni", "")
        expect(yield* look).toMatchObject({ lacksForNames: "netavark" })
      })
    )

    it.live("reports the rest even if the engine does not answer, and why it does not", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.fail("version", "Cannot connect to the Docker daemon")
        const { code, stderr, stdout } = yield* run(engine, lookScript.text, ["engine=docker", "only=yes"])
        expect({ code, stderr }).toEqual({ code: 1, stderr: "Cannot connect to the Docker daemon\n" })
        expect(parseLookOutput(stdout)).toMatchObject({ processor: expect.any(String), began: expect.any(Number) })
        expect(parseLookOutput(stdout)).not.toHaveProperty("engine")
        const missing = yield* run(engine, lookScript.text, ["engine=nerdctl", "only=yes"])
        expect({ code: missing.code, stderr: missing.stderr }).toEqual({ code: 127, stderr: "nerdctl: not found\n" })
      })
    )
  })

  describe(`checking a port with ${shell}`, () => {
    const listen = (hostname: string, status: number) =>
      Effect.acquireRelease(
        Effect.sync(() => Bun.serve({ hostname, port: 0, fetch: () => new Response("{}", { status }) })),
        (server) => Effect.promise(() => server.stop(true))
      )
    const look = Effect.fnUntraced(function* (port: number) {
      const engine = yield* FakeEngine.make()
      const { stdout } = yield* run(engine, tunnelScript.text, [`port=${port}`])
      return parseTunnelOutput(stdout)
    })

    it.live("tells a port on loopback from one that is open to everyone", () =>
      Effect.gen(function* () {
        const asked = { answers: true, program: expect.stringMatching(/^(curl|wget|bash)$/) }
        const { port = 0 } = yield* listen("127.0.0.1", 200)
        expect(yield* look(port)).toEqual({ isPublic: false, registry: asked as never })
        const { port: open = 0 } = yield* listen("0.0.0.0", 200)
        expect(yield* look(open)).toEqual({ isPublic: true, registry: asked as never })
        const { port: six = 0 } = yield* listen("::", 200)
        expect((yield* look(six)).isPublic).toBe(true)
      })
    )

    it.live("recognizes a closed port, and a port without a registry", () =>
      Effect.gen(function* () {
        expect(yield* look(1)).toMatchObject({ registry: { answers: false } })
        expect(yield* look(1)).not.toHaveProperty("isPublic")
        const { port = 0 } = yield* listen("127.0.0.1", 404)
        expect(yield* look(port)).toMatchObject({ isPublic: false, registry: { answers: false } })
      })
    )

    it.live("asks the engine if there is one, and accepts a missing image as an answer", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make("podman")
        engine.fail("pull", "Error: initializing source docker://localhost:9270/x: manifest unknown")
        expect((yield* run(engine, tunnelScript.text, ["engine=podman", "port=9270"])).stdout).toContain(
          "answered podman\n"
        )
        engine.fail("pull", "Error: pinging container registry: connection refused")
        const { stderr, stdout } = yield* run(engine, tunnelScript.text, ["engine=podman", "port=9270"])
        expect(stdout).toContain("refused podman\n")
        expect(stderr).toContain("connection refused")
        expect(engine.calls()).toContain("pull --quiet --tls-verify=false localhost:9270/jiji/doctor")
      })
    )
  })
}

test("rejects output that the script cannot have printed", () => {
  for (const text of ["", "began 1\nended 2\n", "began x\nended 2\nprocessor y\n", "processor y\nengine docker\n"]) {
    expect(parseLookOutput(text)).not.toHaveProperty("processor")
  }
  expect(parseLookOutput("began 1.%N\nended 2.N\nprocessor s390x\nfree 10 /a b\n")).toEqual({
    began: 1000,
    ended: 2000,
    processor: "s390x",
    disk: { free: 10_240, folder: "/a b" }
  })
})
