import { describe, expect, test } from "bun:test"
import { Effect, Stream } from "effect"
import { engineFailure, withheld } from "../../../../src/layers/docker/exec/failure.ts"

const where = "a new container of web on h2"

/** Passes pieces of stderr on. Returns what was shown before the end, what was shown in all, and the failure. */
const pass = (pieces: ReadonlyArray<string>, code: number) => {
  let shown = ""
  const write = (bytes: Uint8Array) => Effect.sync(() => void (shown += Buffer.from(bytes).toString()))
  const session = { stdin: Stream.empty, stdout: write, stderr: write }
  const { end, session: watched } = withheld(session, engineFailure(where, "podman", "nope"))
  for (const piece of pieces) Effect.runSync(watched.stderr(Buffer.from(piece)))
  const before = shown
  const failure = Effect.runSync(Effect.match(end(code), { onSuccess: () => undefined, onFailure: (error) => error }))
  return { before, failure, shown }
}

const log =
  'time="2026-11-29T20:53:40Z" level=error msg="Removing container e88a: retrieving container e88a configuration from DB to remove: container e88a not found in DB: no such container"\n'
const missing =
  'Error: unable to start container e88a: runc: runc create failed: unable to start container process: exec: "nope": executable file not found in $PATH\n'

describe("the message of an engine that cannot start a program", () => {
  for (const [name, text] of [
    ["alone", missing],
    ["after podman's log of the removal of the container", log + missing]
  ] as const) {
    test(`is not shown, but becomes an error: ${name}`, () => {
      for (const pieces of [[text], [...text]]) {
        const { failure, shown } = pass(pieces, 125)
        expect(failure).toMatchObject({ _tag: "ProgramNotStarted", program: "nope", reason: "missing", where })
        expect(shown).toBe("")
      }
    })
  }

  test("is looked for in nothing that a program logs", () => {
    const line = 'time="2026-11-29T20:53:40Z" level=info msg="Listening"'
    const { before, failure } = pass([line], 1)
    expect(before).toBe(line)
    expect(failure).toBeUndefined()
  })

  test("is shown in the end if it is another one", () => {
    const { failure, shown } = pass([log, "went wrong\n"], 1)
    expect(failure).toBeUndefined()
    expect(shown).toBe(`${log}went wrong\n`)
  })
})
