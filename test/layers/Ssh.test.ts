import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../effect.ts"
import { builtIn, client, run, serverOf } from "./ssh/fixture.ts"
import * as Sshd from "./Sshd.ts"

describe("basics", () => {
  it.live("a command runs on a real sshd", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { ssh } = yield* client()
      expect(yield* run(ssh, serverOf(sshd), "echo out; echo err >&2; exit 3")).toEqual({
        stdout: "out\n",
        stderr: "err\n",
        code: 3
      })
    })
  )
  it.live("a command runs on the built-in server", () =>
    Effect.gen(function* () {
      const { server } = yield* builtIn()
      const { ssh } = yield* client()
      expect(yield* run(ssh, server, "echo out; echo err >&2; exit 3")).toEqual({
        stdout: "out\n",
        stderr: "err\n",
        code: 3
      })
    })
  )
})
