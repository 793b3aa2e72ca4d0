import { describe, expect } from "bun:test"
import { Effect, Exit, Fiber, Redacted, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { type Command, script } from "../../../src/layers/processes/Command.ts"
import { local, type Machine, remote } from "../../../src/layers/shell/Machine.ts"
import { it } from "../../support/effect.ts"
import { liveShell } from "../liveShell.ts"
import { builtIn, serverOf } from "../ssh/fixture.ts"
import * as Sshd from "../ssh/Sshd.ts"
import { commandLine, commandLines, descendants, isAlive, pidsIn } from "../../support/processes.ts"
import { advanceUntilDone, untilEffect } from "../../support/waiting.ts"

const machines: ReadonlyArray<readonly [string, Effect.Effect<Machine, never, Scope.Scope>]> = [
  ["this machine", Effect.succeed(local)],
  ["a server with sshd", Effect.map(Sshd.make(), (sshd) => remote(serverOf(sshd)))],
  ["the built-in server", Effect.map(builtIn(), ({ server }) => remote(server))]
]

const awkward = [
  "",
  " ",
  "a  b",
  "'",
  '"',
  "a'b\"c",
  "$HOME",
  "$(id)",
  "`id`",
  "\\",
  "\\n",
  "\n",
  "a\n\nb\n",
  "é日本😀",
  "ÁÂÃÄćĈ",
  "*",
  "~",
  "-n",
  "!x",
  "%s",
  "# no comment",
  "a;b&c|d>e<f",
  "\t",
  "\u0001\u007f",
  "\r\n"
]

/** Prints every argument with a line of its own behind it. */
const show = script("show", `for each; do printf '%s\\n--\\n' "$each"; done`, awkward)
const shown = awkward.map((word) => `${word}\n--\n`).join("")

const sh = (text: string, rest: Omit<Command, "words"> = {}): Command => ({ words: ["sh", "-c", text], ...rest })

for (const [name, make] of machines)
  describe(`a command on ${name}`, () => {
    const running = Effect.gen(function* () {
      const live = yield* liveShell
      const machine = yield* make
      return { ...live, machine, run: (command: Command) => live.shell.run(machine, command) }
    })

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

    it.live("may write much to both outputs at the same time", () =>
      Effect.gen(function* () {
        const { run } = yield* running
        const { exitCode, stderr, stdout } = yield* run(
          sh("(yes e | head -n 1500000 >&2; echo end >&2) & head -c 3000000 /dev/zero | tr '\\0' o; wait")
        )
        expect([stdout.length, exitCode]).toEqual([3_000_000, 0])
        // Of what is only quoted, the end is kept.
        expect([stderr.length, stderr.slice(-8)]).toEqual([1024 * 1024, "e\ne\nend\n"])
      })
    )

    for (const [what, command] of [
      ["", sh("exec cat /dev/zero")],
      [" to stderr", sh("exec cat /dev/zero >&2")],
      [" lines that are shown", sh("exec yes 'a line of some length, for there are many of them'", { show: "all" })]
    ] as const)
      it.live(
        `is stopped when it writes endlessly${what}`,
        () =>
          Effect.gen(function* () {
            const { events, machine, run } = yield* running
            const error = yield* Effect.flip(run(command))
            const name = machine._tag === "Local" ? "local" : machine.server.name
            expect(error).toMatchObject({ _tag: "OutputTooLong", machine: name, program: "sh", exitCode: 1 })
            expect(events.length).toBeLessThan(10_100)
          }),
        60_000
      )

    it.live("shows lines as they arrive, and only those of the requested output", () =>
      Effect.gen(function* () {
        const { events, run } = yield* running
        const text = "printf 'one\\ntwo é\\n\\nhalf'; printf 'oops\\n' >&2"
        const output = yield* run(sh(text, { show: "all" }))
        expect(output.stdout.trimEnd()).toBe("one\ntwo é\n\nhalf")
        yield* run(sh(text, { show: "stderr" }))
        yield* run(sh(text))
        yield* untilEffect(() => events.filter(({ _tag }) => _tag === "StepOutput").length >= 6)
        const lines = events.flatMap((event) => (event._tag === "StepOutput" ? [`${event.stream} ${event.line}`] : []))
        expect(lines.slice(0, 5).sort()).toEqual([
          "stderr oops",
          "stdout ",
          "stdout half",
          "stdout one",
          "stdout two é"
        ])
        expect(lines.slice(5)).toEqual(["stderr oops"])
      })
    )

    it.live("redacts secrets that it prints", () =>
      Effect.gen(function* () {
        const { events, run, scrubber } = yield* running
        scrubber.add(Redacted.make("hunter22"))
        yield* run(sh("printf hunt; sleep 0.05; echo er22 is it", { show: "all" }))
        yield* untilEffect(() => events.some(({ _tag }) => _tag === "StepOutput"))
        expect(JSON.stringify(events)).not.toContain("hunter22")
        expect(JSON.stringify(events)).toContain("<redacted> is it")
      })
    )

    it.live("is stopped with all its child processes when interrupted, after its own cleanup", () =>
      Effect.gen(function* () {
        const { home, run } = yield* running
        const [pids, undone] = [join(home, "pids"), join(home, "undone")]
        const text = `trap 'echo undone > ${undone}; exit 1' TERM; sleep 300 & echo $$ $! > ${pids}; wait`
        const fiber = yield* Effect.forkChild(run(sh(text)))
        const all = yield* Effect.promise(() => pidsIn(pids))
        expect(all.every(isAlive)).toBe(true)
        yield* Fiber.interrupt(fiber)
        yield* untilEffect(() => !all.some(isAlive))
        expect(readFileSync(undone, "utf8")).toBe("undone\n")
      })
    )

    it.live("leaves no foreground program behind when interrupted", () =>
      Effect.gen(function* () {
        const { home, run } = yield* running
        const pids = join(home, "pids")
        const fiber = yield* Effect.forkChild(run(sh(`sh -c 'echo $$ > ${pids}; exec sleep 300'; true`)))
        const all = yield* Effect.promise(() => pidsIn(pids))
        yield* Fiber.interrupt(fiber)
        yield* untilEffect(() => !all.some(isAlive))
      })
    )

    it.live("streams its bytes unchanged, or fails with its error output", () =>
      Effect.gen(function* () {
        const { machine, shell } = yield* running
        const bytes = yield* Stream.mkUint8Array(shell.bytes(machine, { words: ["printf", "\\000\\377\\n"] }))
        expect([...bytes]).toEqual([0, 255, 10])
        const error = yield* Effect.flip(Stream.runDrain(shell.bytes(machine, sh("echo one; echo oops >&2; exit 4"))))
        expect(error).toMatchObject({ _tag: "CommandFailed", code: 4, stderr: "oops\n" })
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

  it.effect("is killed when it ignores SIGTERM", () =>
    Effect.gen(function* () {
      const { home, shell } = yield* liveShell
      const pids = join(home, "pids")
      const command = sh(`trap '' TERM; echo $$ > ${pids}; while :; do sleep 0.1; done`)
      const fiber = yield* Effect.forkChild(shell.run(local, command))
      const all = yield* Effect.promise(() => pidsIn(pids))
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber))
      // It ignores SIGTERM, so nothing happens before the time limit of three seconds.
      yield* TestClock.adjust("2900 millis")
      expect(all.every(isAlive)).toBe(true)
      yield* advanceUntilDone(interrupting, "50 millis")
      expect(all.some(isAlive)).toBe(false)
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

describe("a command whose connection is lost", () => {
  it.live("is stopped with all its child processes, after its own cleanup", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { home, shell } = yield* liveShell
      const [pids, undone] = [join(home, "pids"), join(home, "undone")]
      const text = `trap 'echo undone > ${undone}; exit 1' TERM; sleep 300 & echo $$ $! > ${pids}; wait`
      const fiber = yield* Effect.forkChild(Effect.flip(shell.run(remote(serverOf(sshd)), sh(text))))
      const all = yield* Effect.promise(() => pidsIn(pids))
      const daemon = Number(readFileSync(join(sshd.dir, "sshd.pid"), "utf8"))
      // Not what runs in the session, which is what this is about.
      const sessions = descendants(daemon).filter((pid) => commandLine(pid).startsWith("sshd: "))
      for (const pid of sessions) process.kill(pid, "SIGKILL")
      expect((yield* Fiber.join(fiber))._tag).toBe("ConnectionLost")
      yield* untilEffect(() => !all.some(isAlive))
      expect(readFileSync(undone, "utf8")).toBe("undone\n")
    })
  )

  it.live("is stopped when the built-in server stops", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { server } = yield* builtIn().pipe(Scope.provide(scope))
      const { home, shell } = yield* liveShell
      const pids = join(home, "pids")
      const fiber = yield* Effect.forkChild(
        Effect.flip(shell.run(remote(server), sh(`sleep 300 & echo $$ $! > ${pids}; wait`)))
      )
      const all = yield* Effect.promise(() => pidsIn(pids))
      yield* Scope.close(scope, Exit.void)
      expect((yield* Fiber.join(fiber))._tag).toBe("ConnectionLost")
      yield* untilEffect(() => !all.some(isAlive))
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
