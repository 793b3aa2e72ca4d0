import { describe, expect } from "bun:test"
import { Effect, Exit, Scope } from "effect"
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { load } from "../../src/config/load.ts"
import * as Platform from "../../src/layers/Platform.ts"
import * as Sandbox from "../../src/sandbox/Sandbox.ts"
import { it } from "../support/effect.ts"
import { client, folder, run } from "../layers/ssh/fixture.ts"

const deployFile = `
project: shop
builder: { registry: { type: local } }
ssh: { user: deploy, port: 2222, keys: [/nowhere/key], proxy: bastion.example.com }
servers: { web1: { host: 203.0.113.10 }, web2: { host: 203.0.113.11 } }
services:
  web: { image: "nginx:1.27", hosts: [web1, web2] }
  worker: { image: "nginx:1.27", hosts: [web2] }
`

const project = Effect.gen(function* () {
  const cwd = yield* folder
  mkdirSync(join(cwd, ".jiji"))
  writeFileSync(join(cwd, ".jiji", "deploy.yml"), deployFile)
  return { cwd, file: join(cwd, ".jiji", "deploy.sandbox.yml"), loaded: yield* load({ cwd }) }
})

const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith("jiji-sandbox-"))

describe("a sandbox", () => {
  it.live("is an environment with its own server, which runs all services", () =>
    Effect.gen(function* () {
      const { cwd, loaded } = yield* project
      const sandbox = yield* Sandbox.make(loaded)
      const environment = yield* load({ cwd, environment: "sandbox" })
      expect(environment.services.map(({ hosts }) => hosts)).toEqual([["sandbox"], ["sandbox"]])
      expect(environment.servers.map(({ name }) => name)).toEqual(["sandbox"])
      const [server] = environment.servers
      if (server === undefined) return yield* Effect.die("no server")
      expect(server).toMatchObject({ host: "127.0.0.1", port: sandbox.port, hostKeys: "strict" })
      const { ssh } = yield* client()
      expect((yield* run(ssh, server, "echo here")).stdout).toBe("here\n")
    }).pipe(Effect.provide(Platform.layer))
  )

  it.live("makes its files readable only for the user, and removes them all", () =>
    Effect.gen(function* () {
      const { file, loaded } = yield* project
      const before = folders()
      const scope = yield* Scope.make()
      const sandbox = yield* Sandbox.make(loaded).pipe(Scope.provide(scope))
      expect(readFileSync(file, "utf8")).toStartWith("# Written by `jiji sandbox`")
      for (const path of [file, sandbox.keyFile, sandbox.knownHosts]) expect(statSync(path).mode & 0o777).toBe(0o600)
      expect(statSync(dirname(sandbox.keyFile)).mode & 0o777).toBe(0o700)
      yield* Scope.close(scope, Exit.void)
      expect(existsSync(file)).toBe(false)
      expect(existsSync(dirname(sandbox.keyFile))).toBe(false)
      expect(folders()).toEqual(before)
    }).pipe(Effect.provide(Platform.layer))
  )

  it.live("does not touch the user's own environment of the same name", () =>
    Effect.gen(function* () {
      const { file, loaded } = yield* project
      writeFileSync(file, "servers: {}\n")
      const error = yield* Effect.flip(Effect.scoped(Sandbox.make(loaded)))
      expect(error).toMatchObject({ _tag: "SandboxFileTaken", file, exitCode: 78 })
      expect(readFileSync(file, "utf8")).toBe("servers: {}\n")
    }).pipe(Effect.provide(Platform.layer))
  )

  it.live("replaces the file of a killed sandbox", () =>
    Effect.gen(function* () {
      const { file, loaded } = yield* project
      writeFileSync(file, "# Written by `jiji sandbox`, which removes it when it ends.\nservers: {}\n")
      yield* Effect.scoped(Sandbox.make(loaded))
      expect(existsSync(file)).toBe(false)
    }).pipe(Effect.provide(Platform.layer))
  )

  it.live("does not replace a running sandbox, and removes a file only if it is its own", () =>
    Effect.gen(function* () {
      const { file, loaded } = yield* project
      const first = yield* Scope.make()
      const { port } = yield* Sandbox.make(loaded).pipe(Scope.provide(first))
      const text = readFileSync(file, "utf8")
      const error = yield* Effect.flip(Effect.scoped(Sandbox.make(loaded)))
      expect(error).toMatchObject({ _tag: "SandboxRunning", file, port, exitCode: 1 })
      expect(readFileSync(file, "utf8")).toBe(text)
      const another = text.replace(String(port), "1")
      writeFileSync(file, another)
      yield* Scope.close(first, Exit.void)
      expect(readFileSync(file, "utf8")).toBe(another)
      // Nothing listens on that port, so the sandbox was killed.
      yield* Effect.scoped(Sandbox.make(loaded))
      expect(existsSync(file)).toBe(false)
    }).pipe(Effect.provide(Platform.layer))
  )

  it.live("reports why its files cannot be written", () =>
    Effect.gen(function* () {
      const { loaded } = yield* project
      const error = yield* Effect.flip(Effect.scoped(Sandbox.make({ ...loaded, root: "/proc" })))
      expect(error).toMatchObject({ _tag: "SandboxNotWritten", exitCode: 77 })
    }).pipe(Effect.provide(Platform.layer))
  )
})
