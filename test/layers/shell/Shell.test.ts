import { describe, expect } from "bun:test"
import { Effect, Fiber, Redacted } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { local, remote } from "../../../src/layers/shell/Machine.ts"
import { it } from "../../support/effect.ts"
import { liveShell } from "../liveShell.ts"
import { serverOf } from "../ssh/fixture.ts"
import * as Sshd from "../ssh/Sshd.ts"
import { commandLines, isAlive, pidsIn } from "../../support/processes.ts"
import { untilEffect } from "../../support/waiting.ts"
import { machines, awkward, show, shown, sh, runningOn } from "./machines.ts"

for (const [name, make] of machines)
  describe(`a command on ${name}`, () => {
    const running = runningOn(make)

    it.live("gets its arguments unchanged, whatever they contain", () =>
      Effect.gen(function* () {
        const { run } = yield* running
        expect(yield* run(show)).toEqual({ stdout: shown, stderr: "", exitCode: 0 })
      })
    )

    it.live("gets its environment unchanged, including secrets", () =>
      Effect.gen(function* () {
        const { run } = yield* running
        const env = Object.fromEntries(awkward.map((value, n) => [`V${n}`, n % 2 === 0 ? Redacted.make(value) : value]))
        const names = awkward.map((_, n) => `"$V${n}"`).join(" ")
        const { stdout } = yield* run(sh(`for each in ${names}; do printf '%s\\n--\\n' "$each"; done`, { env }))
        expect(stdout).toBe(shown)
      })
    )

    for (const stdin of ["", "one line", "one line\n", awkward.join("|"), `${"0123456789abcdef\n".repeat(10_000)}x`])
      it.live(`reads its input unchanged: ${JSON.stringify(stdin.slice(0, 20))}`, () =>
        Effect.gen(function* () {
          const { run } = yield* running
          const hash = new Bun.CryptoHasher("sha256").update(stdin).digest("hex")
          expect((yield* run({ words: ["sha256sum"], stdin: Redacted.make(stdin) })).stdout).toBe(`${hash}  -\n`)
        })
      )

    it.live("has no input if it is given none", () =>
      Effect.gen(function* () {
        const { run } = yield* running
        expect((yield* run(sh("cat; echo end"))).stdout).toBe("end\n")
      })
    )

    it.live("returns its exit code, or the shell's code for a signal", () =>
      Effect.gen(function* () {
        const { run } = yield* running
        const codes = ["exit 0", "exit 3", "exit 255", "kill -KILL $$", "kill -TERM $$"]
        const outputs = yield* Effect.forEach(codes, (text) => run(sh(text)))
        expect(outputs.map(({ exitCode }) => exitCode)).toEqual([0, 3, 255, 137, 143])
      })
    )
  })

describe("a command on this machine", () => {
  it.live("reports a missing program by name", () =>
    Effect.gen(function* () {
      const { shell } = yield* liveShell
      const error = yield* Effect.flip(shell.run(local, { words: ["no-such-program-here"] }))
      expect(error._tag).toBe("ProgramMissing")
      expect(error.message).toBe(
        "no-such-program-here cannot be started on this machine: it is not installed, or not in PATH."
      )
    })
  )
})

for (const [name, make] of machines.slice(1))
  describe(`a command on ${name}, seen from outside`, () => {
    it.live("exits with 127 when its program is missing", () =>
      Effect.gen(function* () {
        const { shell } = yield* liveShell
        const output = yield* shell.run(yield* make, { words: ["no-such-program-here"] })
        expect(output.exitCode).toBe(127)
        expect(output.stderr).toContain("no-such-program-here: not found")
      })
    )

    it.live("shows neither its environment nor its input in the process list", () =>
      Effect.gen(function* () {
        const { home, shell } = yield* liveShell
        const machine = yield* make
        const file = join(home, "pid")
        const command = sh(`cat >/dev/null; echo $$ > ${file}; sleep 300; true`, {
          env: { PLAIN: "plain-value-of-it", TOKEN: Redacted.make("secret-value-of-it") },
          stdin: Redacted.make("stdin-value-of-it")
        })
        const fiber = yield* Effect.forkChild(shell.run(machine, command))
        const [pid = 0] = yield* Effect.promise(() => pidsIn(file))
        const environment = readFileSync(`/proc/${pid}/environ`, "utf8")
        expect(environment).toContain("TOKEN=secret-value-of-it")
        const lines = commandLines()
        expect(lines.some((line) => line.includes(file))).toBe(true)
        expect(lines.filter((line) => line.includes("-value-of-it"))).toEqual([])
        yield* Fiber.interrupt(fiber)
      })
    )
  })

describe("another login shell", () => {
  // fish and csh are no part of every machine, and only tested where they are.
  const there = ["fish", "csh", "bash", "dash", "busybox sh"].filter((line) => Bun.which(line.split(" ")[0] ?? ""))
  for (const shell of there)
    it.live(`runs commands unchanged: ${shell}`, () =>
      Effect.gen(function* () {
        // sshd hands the line to this, as it would to a login shell.
        const forced = yield* Sshd.make({ config: { ForceCommand: `${shell} -c "$SSH_ORIGINAL_COMMAND"` } })
        const { home, shell: live } = yield* liveShell
        const machine = remote(serverOf(forced))
        const env = { V: Redacted.make(awkward.join("|")) }
        const command = { ...show, words: [...show.words, "stdin:"], env, stdin: "in\n" } as const
        const output = yield* live.run(machine, command)
        expect(output).toEqual({ stdout: `${shown}stdin:\n--\n`, stderr: "", exitCode: 0 })
        expect((yield* live.run(machine, sh('cat; printf %s "$V"; exit 9', { env, stdin: "in\n" }))).stdout).toBe(
          `in\n${awkward.join("|")}`
        )
        const pids = join(home, "pids")
        const fiber = yield* Effect.forkChild(live.run(machine, sh(`sleep 300 & echo $$ $! > ${pids}; wait`)))
        const all = yield* Effect.promise(() => pidsIn(pids))
        yield* Fiber.interrupt(fiber)
        yield* untilEffect(() => !all.some(isAlive))
      })
    )
})
