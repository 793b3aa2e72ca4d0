import { describe, expect } from "bun:test"
import { Effect, Redacted, Stream } from "effect"

import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"
import { machines, sh, runningOn } from "./machines.ts"

for (const [name, make] of machines)
  describe(`a command on ${name}`, () => {
    const running = runningOn(make)

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
