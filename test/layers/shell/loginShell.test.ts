import { describe, expect } from "bun:test"
import { Effect, Fiber, Redacted, Stream } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { LimitScale } from "../../../src/layers/processes/limit.ts"
import { remote } from "../../../src/layers/shell/Machine.ts"
import { it } from "../../support/effect.ts"
import { isAlive, pidsIn } from "../../support/processes.ts"
import { untilEffect } from "../../support/waiting.ts"
import { liveShell } from "../liveShell.ts"
import { folder, serverOf } from "../ssh/fixture.ts"
import * as Sshd from "../ssh/Sshd.ts"
import { sh } from "./machines.ts"

/** A server on which the login shell reads this start file before it runs a command. */
const withStartFile = Effect.fnUntraced(function* (text: string) {
  const file = join(yield* folder, "startfile")
  writeFileSync(file, `${text}\n`)
  const command = `bash -c '. ${file}; eval "$SSH_ORIGINAL_COMMAND"'`
  const sshd = yield* Sshd.make({ config: { ForceCommand: command } })
  return { ...(yield* liveShell), machine: remote(serverOf(sshd)) }
})

const hello = sh('cat; echo "out $VALUE"; echo err >&2; exit 3', {
  env: { VALUE: Redacted.make("one\ntwo") },
  stdin: "input\n"
})
const answer = { stdout: "input\nout one\ntwo\n", stderr: "err\n", exitCode: 3 }

describe("a login shell whose start file", () => {
  for (const [does, text] of [
    ["prints a line", "echo Welcome"],
    ["prints half a line on both outputs", "printf Welcome; printf 'to web1' >&2"],
    ["prints much on both outputs", "seq 30000; seq 30000 >&2"],
    ["reads a line", "read answer"],
    ["asks several questions", "read -p 'Name? ' a; read -n 1 -p 'Sure? ' b; read -r c"],
    ["sends its errors elsewhere", "exec 2>/dev/null"]
  ] as const)
    it.live(`${does} does not disturb commands`, () =>
      Effect.gen(function* () {
        const { machine, shell } = yield* withStartFile(text)
        const expected = text.startsWith("exec 2>") ? { ...answer, stderr: "" } : answer
        expect(yield* shell.run(machine, hello)).toEqual(expected)
        const bytes = yield* Stream.mkUint8Array(shell.bytes(machine, { words: ["printf", "\\000\\377\\n"] }))
        expect([...bytes]).toEqual([0, 255, 10])
      })
    )

  it.live("prints is not shown as output of the command", () =>
    Effect.gen(function* () {
      const { events, machine, shell } = yield* withStartFile("echo Welcome; echo to web1 >&2")
      yield* shell.run(machine, sh("echo out; echo err >&2", { show: "all" }))
      yield* untilEffect(() => events.filter(({ _tag }) => _tag === "StepOutput").length >= 2)
      const lines = events.flatMap((event) => (event._tag === "StepOutput" ? [event.line] : []))
      expect(lines.toSorted()).toEqual(["err", "out"])
    })
  )

  it.live("reads more than empty lines is named at once", () =>
    Effect.gen(function* () {
      const { machine, shell } = yield* withStartFile("head -c 40 >/dev/null; echo Which environment?")
      const error = yield* Effect.flip(shell.run(machine, hello))
      expect(error).toMatchObject({ _tag: "LoginShellFailed", exitCode: 69 })
      expect(error.message).toBe(
        "The login shell on web1 read the input of jiji's command. It printed: Which environment?"
      )
      expect(error.remedy).toContain("case $- in *i*) ;; *) return ;; esac")
    })
  )

  it.live("exits is named, with what it printed on both outputs", () =>
    Effect.gen(function* () {
      const { machine, shell } = yield* withStartFile("echo This account is not available.; echo Sorry. >&2; exit 5")
      const error = yield* Effect.flip(shell.run(machine, hello))
      expect(error.message).toBe(
        "The login shell on web1 exited with code 5 and did not run jiji's command. It printed: This account is not available.\nSorry."
      )
      expect(error.remedy).toContain("Use a user with a normal login shell")
      const streamed = yield* Effect.flip(Stream.runDrain(shell.bytes(machine, hello)))
      expect(streamed._tag).toBe("LoginShellFailed")
    })
  )

  for (const [does, text] of [
    ["asks until it gets an answer", 'echo Sure?; until [ "$answer" = y ]; do read answer || exit; done'],
    ["reads all input", "echo Sure?; cat >/dev/null"]
  ] as const)
    it.live(`${does} is named in limited time`, () =>
      Effect.gen(function* () {
        const { events, machine, shell } = yield* withStartFile(text)
        const error = yield* Effect.flip(Effect.provideService(shell.run(machine, hello), LimitScale, 0.05))
        expect(error).toMatchObject({ _tag: "LoginShellFailed", exitCode: 69 })
        expect(error.message).toBe("The login shell on web1 did not run jiji's command within 3 s. It printed: Sure?")
        expect(error.remedy).toContain("case $- in *i*) ;; *) return ;; esac")
        const notes = yield* untilEffect(
          () => events.flatMap((event) => (event._tag === "StepNoted" ? [event.text] : [])),
          (notes) => notes.length > 0
        )
        expect(notes[0]).toStartWith("still waiting for the login shell to start a command on web1")
      })
    )
})

it.live("an account without a login is named, with its answer", () =>
  Effect.gen(function* () {
    const sshd = yield* Sshd.make({ config: { ForceCommand: "/usr/sbin/nologin" } })
    const { shell } = yield* liveShell
    const error = yield* Effect.flip(shell.run(remote(serverOf(sshd)), hello))
    expect(error._tag).toBe("LoginShellFailed")
    expect(error.message).toContain("This account is currently not available.")
  })
)

it.live("an account that may only transfer files is named", () =>
  Effect.gen(function* () {
    const sshd = yield* Sshd.make({ config: { ForceCommand: "internal-sftp" } })
    const { shell } = yield* liveShell
    const error = yield* Effect.flip(shell.run(remote(serverOf(sshd)), hello))
    expect(error._tag).toBe("LoginShellFailed")
    expect(error.message).toContain("and did not run jiji's command")
    expect(error.remedy).toContain("ForceCommand")
  })
)

it.live("a command is stopped when it exceeds its limit, with all its child processes", () =>
  Effect.gen(function* () {
    const sshd = yield* Sshd.make()
    const { home, shell } = yield* liveShell
    const pids = join(home, "pids")
    const command = sh(`sleep 300 & echo $$ $! > ${pids}; wait`, { limit: { after: "3 seconds" } })
    const fiber = yield* Effect.forkChild(Effect.flip(shell.run(remote(serverOf(sshd)), command)))
    const all = yield* Effect.promise(() => pidsIn(pids))
    expect((yield* Fiber.join(fiber))._tag).toBe("CommandTimedOut")
    yield* untilEffect(() => !all.some(isAlive))
  })
)
