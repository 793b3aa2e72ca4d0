import { Effect, Stream } from "effect"
import { AccountWithoutShell } from "./SshError.ts"
import type { Connection } from "./Connection.ts"
import { exec } from "./RemoteExec.ts"

/** Every shell prints this, whatever its start files print before it. */
const marker = "jiji runs commands here"

/** How much of an account's answer an error quotes. */
const quoted = 300

const text = <E>(output: Stream.Stream<Uint8Array, E>) => Stream.mkString(Stream.decodeText(output))

const run = Effect.fnUntraced(function* (connection: Connection) {
  const stopping = { timeout: "100 millis", onStart: Effect.void, onEnd: () => Effect.void } as const
  const process = yield* exec(connection, `echo ${marker}`, stopping)
  yield* process.end
  const [stdout, stderr] = yield* Effect.all([text(process.stdout), text(process.stderr)], { concurrency: 2 })
  if (stdout.includes(marker)) return
  const output = `${stdout}\n${stderr}`
    .trim()
    .replaceAll(/\s*\n\s*/g, "; ")
    .slice(0, quoted)
  return yield* new AccountWithoutShell({ server: connection.server, user: connection.user, output })
})

/**
 * Checks once per connection that the account runs commands. With nologin or a forced sftp, a command ends just like
 * one that fails, and its error would blame the engine. A slow shell passes: others wait for it with limits of their own.
 */
export const checkShell = (connection: Connection) =>
  Effect.suspend(() =>
    connection.runsCommands
      ? Effect.void
      : Effect.scoped(run(connection)).pipe(
          Effect.timeoutOption(connection.connectTimeout),
          Effect.map(() => void (connection.runsCommands = true))
        )
  ).pipe(connection.checking.withPermit)
