import { describe, expect } from "bun:test"
import { Effect, Fiber, Redacted, Stream } from "effect"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { remote } from "../../../src/layers/shell/Machine.ts"
import { it } from "../../support/effect.ts"
import { isAlive, pidsIn } from "../../support/processes.ts"
import { untilEffect } from "../../support/waiting.ts"
import { liveShell } from "../liveShell.ts"
import { folder, serverOf } from "../ssh/fixture.ts"
import * as Sshd from "../ssh/Sshd.ts"
import { sh } from "./machines.ts"

/** A server on which bash reads this start file before it runs a command. `DIR` in it is an empty folder. */
const withStartFile = Effect.fnUntraced(function* (text: string) {
  const dir = yield* folder
  const file = join(dir, "startfile")
  writeFileSync(file, `${text.replaceAll("DIR", dir)}\n`)
  const sshd = yield* Sshd.make({
    config: { ForceCommand: `bash -c '. ${file}; eval "$SSH_ORIGINAL_COMMAND"'` }
  })
  return { ...(yield* liveShell), dir, machine: remote(serverOf(sshd)) }
})

const quiet = sh('cat; echo "out $VALUE"; exit 3', { env: { VALUE: Redacted.make("one") }, stdin: "input\n" })
const answer = { stdout: "input\nout one\n", stderr: "", exitCode: 3 }

describe("a start file with", () => {
  for (const text of [
    "exec 2>&1",
    "echo to web1 >&2; exec 2>&1",
    "set -x; exec 2>&1",
    "exec > >(tee -a DIR/log) 2>&1",
    "exec 2> >(tee -a DIR/log)",
    "exec > >(tee -a DIR/log) 2> >(tee -a DIR/errors >&2)",
    "set -x",
    "set -v",
    "head -c 5000000 /dev/zero | tr '\\0' x >&2"
  ])
    it.live(`\`${text}\` does not disturb commands`, () =>
      Effect.gen(function* () {
        const { events, machine, shell } = yield* withStartFile(text)
        expect(yield* shell.run(machine, quiet)).toEqual(answer)
        const bytes = yield* Stream.mkUint8Array(shell.bytes(machine, { words: ["printf", "\\000\\377\\njiji-"] }))
        expect([...bytes]).toEqual([0, 255, 10, ...Buffer.from("jiji-")])
        yield* shell.run(machine, sh("echo shown", { show: "all" }))
        const shown = () => events.flatMap((event) => (event._tag === "StepOutput" ? [event.line] : []))
        yield* untilEffect(() => shown().length > 0)
        expect(shown()).toEqual(["shown"])
      })
    )

  for (const text of ["exec 2>&1", "exec > >(tee -a DIR/log) 2>&1", "set -x"])
    it.live(`\`${text}\` keeps a command's outputs apart`, () =>
      Effect.gen(function* () {
        const { machine, shell } = yield* withStartFile(text)
        const command = sh("printf out; echo err >&2; echo put; printf 'end  \\\\' >&2; exit 4")
        const { stderr, ...output } = yield* shell.run(machine, command)
        expect(output).toEqual({ stdout: "output\n", exitCode: 4 })
        expect(stderr).toBe("err\nend  \\\n")
      })
    )

  it.live("`exec 2>&1` does not keep a command from being stopped, with all its child processes", () =>
    Effect.gen(function* () {
      const { dir, machine, shell } = yield* withStartFile("exec 2>&1")
      const pids = join(dir, "pids")
      const command = sh(`sleep 300 & echo $$ $! >${pids}; wait`)
      const fiber = yield* Effect.forkChild(shell.run(machine, command))
      const all = yield* Effect.promise(() => pidsIn(pids))
      yield* Fiber.interrupt(fiber)
      yield* untilEffect(() => !all.some(isAlive))
    })
  )

  for (const text of ["exec >/dev/null", "exec >/dev/null 2>&1", "exec >>DIR/log 2>&1", "exec >&-"])
    it.live(`\`${text}\` is named, and the command does not run`, () =>
      Effect.gen(function* () {
        const { dir, machine, shell } = yield* withStartFile(`echo Welcome; ${text}`)
        const error = yield* Effect.flip(shell.run(machine, sh(`touch ${dir}/ran`)))
        expect(error).toMatchObject({ _tag: "LoginShellFailed", exitCode: 69 })
        expect(error.message).toBe(
          "A start file of the login shell on web1 redirects stdout. jiji's command did not run. It printed: Welcome"
        )
        expect(error.remedy).toContain("case $- in *i*) ;; *) return ;; esac")
        expect(existsSync(join(dir, "ran"))).toBe(false)
      })
    )

  for (const text of ["exec > >(cat >DIR/log)", "exec >&2"])
    it.live(`\`${text}\` is named, and the error says that the command ran`, () =>
      Effect.gen(function* () {
        const { dir, machine, shell } = yield* withStartFile(text)
        const error = yield* Effect.flip(shell.run(machine, sh(`echo x >${dir}/ran`)))
        expect(error.message).toStartWith(
          "A start file of the login shell on web1 redirects stdout. jiji's command ran, but jiji cannot read its result."
        )
        expect(readFileSync(join(dir, "ran"), "utf8")).toBe("x\n")
      })
    )
})
