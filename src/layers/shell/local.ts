import { Effect, type PlatformError, Redacted, type Scope, Stream } from "effect"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"
import { constants } from "node:os"
import { type Command, type Process, ProgramMissing, type ShellError } from "../Command.ts"
import { noted } from "./children.ts"

/** The exit code that a shell would report, of a child that a signal ended; the spawner only names the signal. */
const signalled = (error: PlatformError.PlatformError): number => {
  const name = /signal: '(\w+)'/.exec(String(error.cause ?? error.message))?.[1]
  const number = Object.entries(constants.signals).find(([signal]) => signal === name)?.[1]
  return 128 + (number ?? 0)
}

/** Starts a command on this machine. It is ended with the scope, and killed where it does not listen. */
export const startLocal = Effect.fnUntraced(function* (
  spawner: ChildProcessSpawner.ChildProcessSpawner["Service"],
  command: Command
): Effect.fn.Return<Process, ShellError, Scope.Scope> {
  const { asks, stdin } = command
  const [program, ...args] = command.words
  const failed = (reason: PlatformError.PlatformError) => new ProgramMissing({ program, reason })
  const note = yield* noted
  const child = yield* Effect.mapError(
    spawner.spawn(
      ChildProcess.make(program, args, {
        env: command.env ?? {},
        extendEnv: true,
        forceKillAfter: "3 seconds",
        stdin:
          stdin === undefined
            ? asks === true
              ? "inherit"
              : "ignore"
            : Stream.encodeText(Stream.make(Redacted.isRedacted(stdin) ? Redacted.value(stdin) : stdin))
      })
    ),
    failed
  )
  note(child.pid)
  return {
    stdout: Stream.mapError(child.stdout, failed),
    stderr: Stream.mapError(child.stderr, failed),
    exitCode: Effect.catch(child.exitCode, (error) => Effect.succeed(signalled(error)))
  }
})
