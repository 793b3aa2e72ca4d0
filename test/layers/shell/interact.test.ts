import { describe, expect } from "bun:test"
import { Effect, Fiber, Redacted, type Scope, Stream } from "effect"
import type { Server } from "../../../src/config/Project.ts"
import type { Command } from "../../../src/layers/processes/Command.ts"
import type { Interaction, TerminalOptions } from "../../../src/layers/shell/interact.ts"
import { it } from "../../support/effect.ts"
import { commandLines } from "../../support/processes.ts"
import { untilEffect } from "../../support/waiting.ts"
import { liveShell } from "../liveShell.ts"
import { builtIn, serverOf } from "../ssh/fixture.ts"
import * as Sshd from "../ssh/Sshd.ts"
import { awkward, sh, show, shown } from "./machines.ts"

const sshd = Effect.map(Sshd.make(), (running) => serverOf(running))
const servers: ReadonlyArray<readonly [string, Effect.Effect<Server, never, Scope.Scope>]> = [
  ["a real sshd", sshd],
  ["the built-in server", Effect.map(builtIn(), ({ server }) => server)]
]

const terminal: TerminalOptions = { columns: 90, rows: 30, term: "xterm-256color" }

/** Collects the outputs of a command in the background. */
const collect = Effect.fnUntraced(function* <E>(child: Interaction<E>) {
  let [stdout, stderr] = ["", ""]
  const read = Effect.all(
    [
      Stream.runForEach(child.stdout, (bytes) => Effect.sync(() => (stdout += Buffer.from(bytes).toString()))),
      Stream.runForEach(child.stderr, (bytes) => Effect.sync(() => (stderr += Buffer.from(bytes).toString())))
    ],
    { concurrency: 2, discard: true }
  )
  const ended = yield* Effect.forkScoped(Effect.andThen(read, child.exitCode))
  return {
    shows: (text: string) =>
      untilEffect(
        () => stdout,
        (all) => all.includes(text)
      ),
    end: Effect.map(Fiber.join(ended), (code) => ({ stdout, stderr, code }))
  }
})

for (const [name, make] of servers)
  describe(`a command in pipes on ${name}`, () => {
    const start = (command: Command) =>
      Effect.gen(function* () {
        const { shell } = yield* liveShell
        const child = yield* shell.interact(yield* make, command)
        return { child, ...(yield* collect(child)) }
      })

    it.live("gets its words, environment and input unchanged, and keeps its outputs apart", () =>
      Effect.gen(function* () {
        const words = yield* start(show)
        expect(yield* words.end).toEqual({ stdout: shown, stderr: "", code: 0 })
        const { child, end } = yield* start(
          sh('cat; printf "%s\\n" "$A" >&2; exit 4', { env: { A: awkward.join("|") } })
        )
        yield* child.write(Buffer.from(awkward.join("\\n")))
        yield* child.end
        expect(yield* end).toEqual({ stdout: awkward.join("\\n"), stderr: `${awkward.join("|")}\n`, code: 4 })
      })
    )

    it.live("gets megabytes of input and returns them, without reading ahead of its reader", () =>
      Effect.gen(function* () {
        const bytes = crypto.getRandomValues(new Uint8Array(64 * 1024))
        const { child, end } = yield* start({ words: ["sha256sum"] })
        const hash = new Bun.CryptoHasher("sha256")
        for (let round = 0; round < 64; round++) {
          yield* child.write(bytes)
          hash.update(bytes)
        }
        yield* child.end
        expect((yield* end).stdout).toBe(`${hash.digest("hex")}  -\n`)
      })
    )

    it.live("talks at file descriptor 3 if it has a stdin of its own", () =>
      Effect.gen(function* () {
        const { child, end, shows } = yield* start(
          sh("cat; echo; while read -r line <&3; do echo got $line; done", { stdin: Redacted.make("own input") })
        )
        yield* shows("own input\n")
        yield* child.write(Buffer.from("one\n"))
        yield* shows("got one\n")
        yield* child.end
        expect(yield* end).toEqual({ stdout: "own input\ngot one\n", stderr: "", code: 0 })
      })
    )

    it.live("reports a missing program as a shell does", () =>
      Effect.gen(function* () {
        const { end } = yield* start({ words: ["no-such-program"] })
        expect((yield* end).code).toBe(127)
      })
    )
  })

describe("a command in a terminal", () => {
  const start = (command: Command) =>
    Effect.gen(function* () {
      const { shell } = yield* liveShell
      const child = yield* shell.interact(yield* sshd, command, terminal)
      return { child, ...(yield* collect(child)) }
    })

  it.live("gets its words and environment unchanged, and the size and kind of the terminal", () =>
    Effect.gen(function* () {
      const raw = yield* start({ ...show, words: ["sh", "-c", 'stty -opost; shift 0; exec "$@"', "sh", ...show.words] })
      expect(yield* raw.end).toEqual({ stdout: shown, stderr: "", code: 0 })
      const about = yield* start(sh('tty; stty size; echo "$TERM" "$A"; exit 6', { env: { A: "it's" } }))
      const { code, stdout } = yield* about.end
      expect(code).toBe(6)
      expect(stdout).toMatch(/^\/dev\/pts\/\d+\r\n30 90\r\nxterm-256color it's\r\n$/)
    })
  )

  it.live("learns of a new size, and gets Ctrl-C", () =>
    Effect.gen(function* () {
      const { child, end, shows } = yield* start(
        sh("trap 'stty size' WINCH; trap 'echo bye; exit 3' INT; echo ready; while :; do sleep 0.05; done")
      )
      yield* shows("ready")
      yield* child.resize({ columns: 33, rows: 11 })
      yield* shows("11 33\r\n")
      yield* child.write(Buffer.from("\u0003"))
      expect((yield* end).code).toBe(3)
      // Too late, and harmless.
      yield* child.resize({ columns: 44, rows: 22 })
    })
  )

  it.live("ends when its scope closes", () =>
    Effect.gen(function* () {
      const { shell } = yield* liveShell
      const server = yield* sshd
      const running = () => commandLines().some((line) => line.includes("sleep\u00009876"))
      yield* Effect.scoped(
        Effect.gen(function* () {
          const child = yield* shell.interact(server, sh("echo ready; exec sleep 9876"), terminal)
          const { shows } = yield* collect(child)
          yield* shows("ready")
          yield* untilEffect(running)
        })
      )
      yield* untilEffect(() => !running())
    })
  )

  it.live("is refused with a remedy if the server allows no terminals", () =>
    Effect.gen(function* () {
      const { shell } = yield* liveShell
      const server = serverOf(yield* Sshd.make({ config: { PermitTTY: "no" } }))
      const error = yield* Effect.flip(Effect.scoped(shell.interact(server, sh("tty"), terminal)))
      expect(error._tag).toBe("TerminalRefused")
      expect(error.message).toBe("web1 refuses to open a terminal.")
    })
  )
})
