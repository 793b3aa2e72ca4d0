import { describe, expect, test } from "bun:test"
import { Effect } from "effect"
import { mkdirSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { buildLostEngine, parseEngineError } from "../../../src/layers/docker/DockerError.ts"
import { argumentsOf } from "../../../src/layers/processes/Command.ts"
import { pull } from "../../../src/layers/docker/pull/pull.ts"
import { push } from "../../../src/layers/docker/push/push.ts"
import { withoutProgress } from "../../../src/layers/docker/withoutProgress.ts"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"

/** Writes docker's file with its process id, as docker does when it starts. */
const startDocker = (folder: string, pid: number): void => {
  writeFileSync(join(folder, "new"), `${pid}`)
  renameSync(join(folder, "new"), join(folder, "docker.pid"))
}

const noLogin = { registry: "", user: "" }
const transfers = [
  [
    "pull",
    pull.text,
    argumentsOf(
      pull.command({ engine: "docker", from: "a", name: "", verify: true, drop: false, progress: false, ...noLogin })
    )
  ],
  ["push", push.text, argumentsOf(push.command({ engine: "docker", image: "a", insecure: false, ...noLogin }))]
] as const

for (const shell of ["sh", "busybox sh"])
  for (const [operation, text, args] of transfers)
    describe(`a ${operation} that fails with ${shell}`, () => {
      /** Fails the operation; `during` happens before. */
      const fail = Effect.fnUntraced(function* (during: (engine: FakeEngine.FakeEngine, folder: string) => void) {
        const engine = yield* FakeEngine.make()
        const folder = join(engine.dir, "runtime")
        mkdirSync(folder)
        startDocker(folder, 1)
        engine.fail(operation, "unexpected EOF")
        engine.block(operation)
        const script = yield* engine.start(shell, text, args, { XDG_RUNTIME_DIR: folder })
        yield* engine.blocked
        during(engine, folder)
        yield* engine.release
        return yield* script.ended
      })

      it.live("says nothing about the engine if that still runs", () =>
        Effect.gen(function* () {
          expect(yield* fail(() => {})).toEqual({ code: 125, stdout: "", stderr: "unexpected EOF\n" })
        })
      )

      it.live("says that the engine restarted", () =>
        Effect.gen(function* () {
          const ended = yield* fail((_, folder) => startDocker(folder, 2))
          expect(ended).toEqual({ code: 125, stdout: "", stderr: "unexpected EOF\njiji engine restarted\n" })
        })
      )

      it.live("says that the engine does not answer any more", () =>
        Effect.gen(function* () {
          const ended = yield* fail((engine) => engine.fail("version", "Cannot connect to the Docker daemon"))
          expect(ended).toEqual({ code: 125, stdout: "", stderr: "unexpected EOF\njiji engine restarted\n" })
        })
      )
    })

test("a restarted engine is not called a registry that is lost", () => {
  const context = { machine: "web1", engine: "docker", operation: "pull nginx:1.27", reference: "nginx:1.27" }
  const output = { stdout: "", stderr: "1.27: Pulling from library/nginx\nunexpected EOF\n", exitCode: 1 }
  expect(parseEngineError(context, output)._tag).toBe("RegistryLost")
  const restarted = parseEngineError({ ...context, hasRestarted: true }, output)
  expect(restarted).toMatchObject({ _tag: "EngineRestarted", exitCode: 69 })
  expect(restarted.message).toBe("docker stopped or restarted on web1 when it had to pull nginx:1.27: unexpected EOF")
  expect(restarted.remedy).toContain("`journalctl -u docker` on web1")
})

test("the remedy for a lost connection fits a push, a pull or a login", () => {
  const lost = (operation: string) =>
    parseEngineError(
      { machine: "web1", engine: "docker", operation, reference: "ghcr.io/me/web:1" },
      { stdout: "", stderr: "unexpected EOF\n", exitCode: 1 }
    )
  expect(lost("pull ghcr.io/me/web:1").remedy).toContain("layers that are already on web1 are not pulled again")
  expect(lost("push ghcr.io/me/web:1").remedy).toContain("layers that the registry already has are not pushed again")
  expect(lost("log in to ghcr.io").remedy).not.toMatch(/layers|push|pull/)
})

test.each([
  ["unexpected EOF\n", true],
  ["ERROR: failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF\n", true],
  ['error during connect: Post "http://%2Fvar%2Frun%2Fdocker.sock/v1.41/build": EOF\n', true],
  ["curl: unexpected EOF\nThe command '/bin/sh -c curl' returned a non-zero code: 1\n", false],
  ['error during connect: Get "http://10.0.0.1:2375/": dial tcp: connect: connection refused\n', false],
  ["", false]
])("a build lost its engine: %j is %p", (stderr, isLost) => {
  expect(buildLostEngine({ stdout: "", stderr, exitCode: 1 })).toBe(isLost)
})

const progress = {
  "docker pull": `v1: Pulling from me/shop/web
930414e60863: Pulling fs layer
930414e60863: Waiting
0123456789ab: Downloading [=>        ]  5.539MB/120MB
0123456789ab: Verifying Checksum
0123456789ab: Download complete
0123456789ab: Extracting [====>     ]  1.2MB/3.4MB
0123456789ab: Pull complete
0123456789ac: Already exists
0123456789ad: Retrying in 5 seconds
Digest: sha256:${"0".repeat(64)}`,
  "docker push": `The push refers to repository [ghcr.io/me/shop/web]
930414e60863: Preparing
930414e60863: Waiting
930414e60863: Pushing [=>   ]  5.539MB/120MB
930414e60863: Pushed
0123456789ab: Layer already exists
0123456789ac: Mounted from me/shop/api`,
  podman: `Trying to pull ghcr.io/me/shop/web:v1...
Getting image source signatures
Copying blob sha256:6cce2fd30a69bb3c3e8c0f6f4ed2b8a7aa0f0e9d0d8a5a5d5b7f2f2b8a3a3c1d
Copying blob 6cce2fd30a69 [=>--] 13.9MiB / 114.5MiB
Copying blob 6cce2fd30a69 done
Copying config 0a1b2c3d4e done
Writing manifest to image destination
Storing signatures`
}

test.each(Object.entries(progress))("a failed transfer is reported without the progress of %s", (engine, lines) => {
  const reason = "something that jiji has never seen"
  for (const stderr of [`${lines}\n${reason}\n`, `${reason}\n${lines}\n`, `${lines}\nError: ${reason}\n${lines}\n`]) {
    const context = { machine: "web1", engine, operation: "pull a", reference: "a" }
    const { message } = parseEngineError(context, { stdout: "", stderr, exitCode: 1 })
    expect(message).toMatch(
      /^\S+( push| pull)? failed to pull a on web1 \(exit code 1\): (Error: )?something that jiji has never seen$/
    )
  }
})

test("a failure without a reason says so", () => {
  const context = { machine: "web1", engine: "docker", operation: "pull a", reference: "a" }
  const { message } = parseEngineError(context, { stdout: "", stderr: progress["docker pull"], exitCode: 1 })
  expect(message).toBe("docker failed to pull a on web1 (exit code 1), and printed no reason.")
})

test("lines that only look like progress stay", () => {
  const lines = [
    "error: Waiting for a lock",
    "930414e60863: unexpected EOF",
    "Error: Copying blob failed",
    "web: digest unknown"
  ].join("\n")
  expect(withoutProgress(lines)).toBe(lines)
})
