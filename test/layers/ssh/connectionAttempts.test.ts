import { expect } from "bun:test"
import { Clock, Duration, Effect } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { it } from "../../support/effect.ts"
import { advanceUntilDone } from "../../support/waiting.ts"
import { builtIn, client } from "./fixture.ts"
import * as Sshd from "./Sshd.ts"

/** Connects to a closed port. */
const connect = Effect.fnUntraced(function* (attempts: string) {
  const { home, ssh } = yield* client()
  writeFileSync(join(home, ".ssh/config"), `ConnectionAttempts ${attempts}\n`)
  const { server } = yield* builtIn()
  const port = yield* Sshd.freePort
  return yield* Effect.flip(ssh.connect({ ...server, port, connectTimeout: Duration.hours(10) }))
})

it.effect("ConnectionAttempts tries again every second while the server refuses the connection", () =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    const fiber = yield* Effect.forkScoped(connect("200"))
    expect(yield* advanceUntilDone(fiber, "1 second")).toMatchObject({ _tag: "HostUnreachable", reason: "refused" })
    // On the test's clock, which only moves while jiji waits or works for some milliseconds.
    expect((yield* Clock.currentTimeMillis) - start).toBeGreaterThanOrEqual(199_000)
  })
)

for (const value of ["0", "x", "-1"]) {
  it.live(`ConnectionAttempts ${value} is not valid`, () =>
    Effect.gen(function* () {
      expect(yield* connect(value)).toMatchObject({ _tag: "SshConfigRejected", problem: "invalid" })
    })
  )
}
