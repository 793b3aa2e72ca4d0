import { describe, expect } from "bun:test"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { remote } from "../../../src/layers/shell/Machine.ts"
import { it } from "../../support/effect.ts"
import { isAlive, pidsIn } from "../../support/processes.ts"
import { untilEffect } from "../../support/waiting.ts"
import { liveShell } from "../liveShell.ts"
import { serverOf } from "../ssh/fixture.ts"
import * as Sshd from "../ssh/Sshd.ts"
import { awkward, machines, runningOn, sh } from "./machines.ts"

/** Bytes of every value, and no two pieces alike. */
const pieceOf = (size: number, seed: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, at) => (at * 7 + seed) % 256)

const mebibyte = 1024 * 1024

for (const [name, make] of machines)
  describe(`a command on ${name} with a stream as its input`, () => {
    const running = runningOn(make)

    const inputs: ReadonlyArray<readonly [string, ReadonlyArray<Uint8Array>]> = [
      ["nothing", []],
      ["an empty piece among others", [Buffer.from("a"), new Uint8Array(), Buffer.from("b")]],
      ["lines that look like sizes", [Buffer.from("0\n"), Buffer.from("12\n0\n"), Buffer.from(awkward.join("\n"))]],
      ["pieces of several MiB", [pieceOf(3 * mebibyte + 1, 1), pieceOf(mebibyte, 2), pieceOf(1, 3)]]
    ]
    for (const [what, pieces] of inputs)
      it.live(`reads it unchanged to its end: ${what}`, () =>
        Effect.gen(function* () {
          const { run } = yield* running
          const hash = new Bun.CryptoHasher("sha256").update(Buffer.concat(pieces)).digest("hex")
          const output = yield* run({ words: ["sha256sum"], input: Stream.fromIterable(pieces) })
          expect(output).toEqual({ stdout: `${hash}  -\n`, stderr: "", exitCode: 0 })
        })
      )

    it.live("can exit before it has read all of it", () =>
      Effect.gen(function* () {
        const { run } = yield* running
        const endless = Stream.forever(Stream.succeed(pieceOf(mebibyte, 0)))
        expect((yield* run({ ...sh("head -c 3; exit 7"), input: endless })).exitCode).toBe(7)
      })
    )

    it.live("is sent no more of it than it reads, and a bit", () =>
      Effect.gen(function* () {
        const { home, run } = yield* running
        const go = join(home, "go")
        let sent = 0
        const pieces = Stream.fromIterable(Array.from({ length: 64 }, (_, seed) => seed)).pipe(
          Stream.map((seed) => pieceOf(mebibyte, seed)),
          Stream.tap(() => Effect.sync(() => void sent++))
        )
        const command = sh(`echo $$ > ${go}.pid; until [ -e ${go} ]; do sleep 0.05; done; wc -c`)
        const fiber = yield* Effect.forkChild(run({ ...command, input: pieces }))
        yield* Effect.promise(() => pidsIn(`${go}.pid`))
        // It settles: what is on the way fits into windows and pipes.
        let before = -1
        yield* untilEffect(
          () => {
            const isSettled = sent > 0 && sent === before
            before = sent
            return isSettled
          },
          Boolean,
          { every: 500 }
        )
        expect(sent).toBeLessThan(32)
        yield* Effect.promise(() => Bun.write(go, ""))
        expect((yield* Fiber.join(fiber)).stdout.trim()).toBe(String(64 * mebibyte))
      })
    )
  })

for (const [name, make] of machines.slice(1))
  describe(`a command on ${name} with a stream as its input`, () => {
    const running = runningOn(make)

    it.live("is stopped while it waits for more, and does not take what it has for all", () =>
      Effect.gen(function* () {
        const { home, run } = yield* running
        const [pids, all] = [join(home, "pids"), join(home, "all")]
        const text = `trap 'exit 1' TERM; (cat >${home}/part && : >${all}) & echo $$ $! > ${pids}; wait`
        const input = Stream.concat(Stream.make(Buffer.from("half")), Stream.never)
        // A job in the background has no stdin of its own.
        const fiber = yield* Effect.forkChild(run({ ...sh(`exec 9<&0; ${text.replace("cat", "cat <&9")}`), input }))
        const processes = yield* Effect.promise(() => pidsIn(pids))
        yield* untilEffect(() => existsSync(`${home}/part`) && readFileSync(`${home}/part`, "utf8") === "half")
        yield* Fiber.interrupt(fiber)
        yield* untilEffect(() => !processes.some(isAlive))
        expect(existsSync(all)).toBe(false)
      })
    )
  })

describe("a command on a server with a stream as its input", () => {
  it.live("does not take a part of it for all if the connection is lost", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { home, shell } = yield* liveShell
      const [pids, all] = [join(home, "pids"), join(home, "all")]
      const isSent = yield* Deferred.make<void>()
      const input = Stream.make(Buffer.from("half")).pipe(
        Stream.concat(Stream.drain(Stream.fromEffect(Deferred.succeed(isSent, undefined)))),
        Stream.concat(Stream.never)
      )
      const command = { ...sh(`echo $$ > ${pids}; cat >${home}/part && : >${all}`), input }
      const fiber = yield* Effect.forkChild(Effect.flip(shell.run(remote(serverOf(sshd)), command)))
      const processes = yield* Effect.promise(() => pidsIn(pids))
      yield* Deferred.await(isSent)
      yield* untilEffect(() => existsSync(`${home}/part`) && readFileSync(`${home}/part`, "utf8") === "half")
      yield* sshd.killSessions
      expect((yield* Fiber.join(fiber))._tag).toBe("ConnectionLost")
      yield* untilEffect(() => !processes.some(isAlive))
      expect(existsSync(all)).toBe(false)
    })
  )
})
